"""Device models: equations in SI, one model per file."""

from .base import AbstractDevice as AbstractDevice, AbstractOhmicDevice as AbstractOhmicDevice
from .diffusive import DiffusiveMemristor as DiffusiveMemristor
from .registry import device_class as device_class, device_names as device_names
