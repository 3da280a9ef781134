"""Networks as NIR, the neuromorphic intermediate representation, and back."""

from .reading import read_nir as read_nir
from .surrogate import LifSurrogate as LifSurrogate, fit_lif as fit_lif
from .writing import write_nir as write_nir
