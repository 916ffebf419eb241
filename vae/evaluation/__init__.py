"""Figures of a trained model, as pairs of name and value. Nothing here writes or prints."""

from vae.evaluation.bounds import elbo_in_words, nll_bounds, weighted_bound, why_no_likelihood
from vae.evaluation.information import mutual_information
from vae.evaluation.measurement import averages, check_density, check_measurable, measure, why_not
from vae.evaluation.posteriors import Posteriors, infer_posteriors
from vae.evaluation.units import active_units, by_activity, collapse_sentence, usage_sentence
