"""Networks of 1M1T1R neurons: time per neuron-step, and what they do, beside Brian2."""
