"""Node equations of arrays, stamped resistor by resistor: independent of memjax, and solved by SciPy."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve


class Netlist:
    """Resistors and ideal sources between numbered nodes."""

    def __init__(self):
        self.nodes = {}
        self.resistors = []
        self.fixed = {}

    def node(self, *name):
        """Number of a node."""
        return self.nodes.setdefault(name, len(self.nodes))

    def solve(self):
        """Voltages of all nodes by their names."""
        n = len(self.nodes)
        i, j, ohms = np.array(self.resistors).T
        i, j, g = i.astype(int), j.astype(int), 1 / ohms
        matrix = coo_array(
            (np.r_[g, g, -g, -g], (np.r_[i, j, i, j], np.r_[i, j, j, i])), (n, n)
        ).tocsr()
        known = np.array(sorted(self.fixed))
        values = np.array([self.fixed[k] for k in known])
        free = np.setdiff1d(np.arange(n), known)
        v = np.zeros(n)
        v[known] = values
        v[free] = spsolve(matrix[free][:, free].tocsc(), -matrix[free][:, known] @ values)
        return v


def array_voltages(
    g, v, *, word_line, bit_line, driver=0.0, sense=0.0, drive_both=False, sense_both=False
):
    """Voltages of word lines and bit lines at the cells; an infinite driver or sense resistance is no connection."""
    rows, columns = g.shape
    driver, sense = np.broadcast_to(driver, rows), np.broadcast_to(sense, columns)
    net = Netlist()
    word = np.array([[net.node("w", i, j) for j in range(columns)] for i in range(rows)])
    bit = np.array([[net.node("b", i, j) for j in range(columns)] for i in range(rows)])
    for i in range(rows):
        for j in range(columns):
            net.resistors.append((word[i, j], bit[i, j], 1 / g[i, j]))
            if j:
                net.resistors.append((word[i, j - 1], word[i, j], word_line))
            if i:
                net.resistors.append((bit[i - 1, j], bit[i, j], bit_line))
    for i in range(rows):
        source = net.node("source", i)
        net.fixed[source] = v[i]
        for j in (0, columns - 1) if drive_both else (0,):
            if np.isfinite(driver[i]):
                net.resistors.append((source, word[i, j], word_line + driver[i]))
    ground = net.node("ground")
    net.fixed[ground] = 0.0
    for j in range(columns):
        for i in (0, rows - 1) if sense_both else (rows - 1,):
            if np.isfinite(sense[j]):
                net.resistors.append((bit[i, j], ground, bit_line + sense[j]))
    x = net.solve()
    return x[word], x[bit]


def random_cells(rows, columns, seed=0, low=1e-5, high=1e-3):
    """Conductances [S], uniform in the logarithm, and voltages [V] of the word lines."""
    rng = np.random.default_rng(seed)
    g = np.exp(rng.uniform(np.log(low), np.log(high), (rows, columns)))
    return g, rng.uniform(0.05, 0.3, rows)
