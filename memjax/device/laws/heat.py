"""Lumped Joule heat: one temperature, one thermal resistance."""

from jaxtyping import Array, Float


def joule_rate(
    temperature: Float[Array, ""],
    power: Float[Array, ""],
    ambient: Float[Array, ""] | float,
    *,
    heating: Float[Array, ""],
    cooling: Float[Array, ""],
) -> Float[Array, ""]:
    """Rate of change of a temperature [K/s]: heating * power - cooling * (temperature - ambient).

    Parameters
    ----------
    temperature, ambient : Float[Array, ""]
        Of the device and around it [K].
    power : Float[Array, ""]
        Electrical power [W].
    heating : Float[Array, ""]
        One over the heat capacity [K/J].
    cooling : Float[Array, ""]
        One over the thermal time constant [1/s].
    """
    return heating * power - cooling * (temperature - ambient)


def joule_temperature(
    power: Float[Array, ""],
    ambient: Float[Array, ""] | float,
    resistance: Float[Array, ""],
) -> Float[Array, ""]:
    """Temperature [K] that follows the power at once: ambient + thermal resistance [K/W] * power."""
    return ambient + resistance * power
