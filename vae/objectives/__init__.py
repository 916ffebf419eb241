"""What is minimised: an object with its own settings, called on a model and images, unreduced.

The model never computes a loss, and the loop does not know which one it minimises.
"""

from vae.objectives.build import OBJECTIVES, build
from vae.objectives.derivatives import differentiation
from vae.objectives.elbo import Capacity, Elbo
from vae.objectives.importance import Dreg, Iwae
from vae.objectives.schedules import Schedule
from vae.objectives.terms import Objective, Terms
