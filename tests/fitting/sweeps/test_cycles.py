"""What of a device is calibrated to its cycles."""

import memjax as mj
from fitting.sweeps.cycles import noise_of


def test_the_noise_that_is_calibrated_is_the_one_that_acts():
    assert noise_of(mj.DiffusiveMemristor()) == ("sigma_ion",)
    assert noise_of(mj.DiffusiveMemristor(sigma1=8.0, sigma2=5.0)) == ("sigma1", "sigma2")
    assert (
        noise_of(mj.LinearDrift() if hasattr(mj, "LinearDrift") else mj.model("linear-drift")) == ()
    )
