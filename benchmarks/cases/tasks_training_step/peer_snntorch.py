"""One step of a training with snnTorch's Leaky neurons: a job as JSON on standard input, an answer on the last line.

Surrogate derivatives (fast sigmoid), cross entropy of the outputs' mean membrane, Adam.
"""
# torch and snntorch are in the peer's environment only:
# pyright: reportMissingImports=false

import json
import resource
import sys
import time

import snntorch as snn
import torch
from snntorch import surrogate


class Net(torch.nn.Module):
    """Two layers."""

    def __init__(self, job: dict):
        super().__init__()
        gradient = surrogate.fast_sigmoid(slope=25)
        self.first = torch.nn.Linear(job["sources"], job["hidden"])
        self.hidden = snn.Leaky(beta=0.97, spike_grad=gradient)
        self.second = torch.nn.Linear(job["hidden"], job["classes"])
        self.out = snn.Leaky(beta=0.97, spike_grad=gradient)

    def forward(self, x):
        """Mean membrane of the outputs and their spikes, of the inputs by step."""
        a, b = self.hidden.init_leaky(), self.out.init_leaky()
        membrane, spikes = [], []
        # The first layer has no state: all its steps are one product.
        for current in self.first(x):
            fired, a = self.hidden(current, a)
            fired, b = self.out(self.second(fired), b)
            membrane.append(b)
            spikes.append(fired)
        return torch.stack(membrane).mean(0), torch.stack(spikes)


def main() -> None:
    """Time the steps."""
    job = json.load(sys.stdin)
    torch.set_num_threads(job["threads"])
    torch.manual_seed(0)
    x = torch.zeros(job["steps"], job["batch"], job["sources"])
    step, sample, source = (torch.tensor(k) for k in job["spikes"])
    x[step, sample, source] = 1.0
    labels = torch.tensor(job["labels"])
    net = Net(job)
    optimizer = torch.optim.Adam(net.parameters(), 5e-3)
    seconds, cpu, losses = [], [], []
    for _ in range(3 + job["repeats"]):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        membrane, _ = net(x)
        loss = torch.nn.functional.cross_entropy(membrane, labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - cpu_begin)
    answer = {"run_s": seconds[3:], "cpu_s": cpu[3:], "losses": losses, "version": snn.__version__}
    answer |= {"library": f"torch {torch.__version__}", "threads": torch.get_num_threads()}
    answer["peak_rss_bytes"] = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
