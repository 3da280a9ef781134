"""Energy per spike of the published neuron of one memristor."""
