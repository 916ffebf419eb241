"""Records -> columns, charts, pictures, words, and the page that holds them."""
