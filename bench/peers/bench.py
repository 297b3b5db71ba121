"""The work of `just bench`, done in PyTorch, for comparison on the same machine.

Needs PyTorch and NumPy only; all inputs are random. Prints medians in milliseconds.

    python3 bench/peers/bench.py --threads 1
    python3 bench/peers/bench.py --threads 2 --only dann mmd
"""

import argparse
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F


def median_ms(step, repeats, warm_up):
    for _ in range(warm_up):
        step()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(context, x, coefficient):
        context.coefficient = coefficient
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient):
        return -context.coefficient * gradient, None


def dann_step(arguments):
    """One step of DANN on 1280-d features, 32 + 32 rows, Nesterov SGD with weight decay."""
    bottleneck = nn.Sequential(nn.Linear(1280, 256), nn.BatchNorm1d(256), nn.ReLU())
    classifier = nn.Linear(256, 31)
    discriminator = nn.Sequential(
        nn.Linear(256, 1024), nn.BatchNorm1d(1024), nn.ReLU(),
        nn.Linear(1024, 1024), nn.BatchNorm1d(1024), nn.ReLU(),
        nn.Linear(1024, 1),
    )
    networks = nn.ModuleList([bottleneck, classifier, discriminator])
    optimizer = torch.optim.SGD(
        networks.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-3
    )
    inputs = torch.randn(64, 1280)
    labels = torch.randint(31, (32,))
    domains = torch.cat([torch.ones(32, 1), torch.zeros(32, 1)])

    def step():
        features = bottleneck(inputs)
        class_loss = F.cross_entropy(classifier(features[:32]), labels)
        logits = discriminator(Reverse.apply(features, 0.5))
        loss = class_loss + F.binary_cross_entropy_with_logits(logits, domains)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    print(f"dann step                      {median_ms(step, 200, 20):9.2f} ms")


def kernel_sum(squared):
    mean = squared.detach().mean()
    return sum(torch.exp(-squared / (2 * 2.0**power * mean)) for power in range(-3, 2))


def mk_mmd_expanded(source, target):
    """Every pair of rows written out, as the common implementations do."""
    rows = torch.cat([source, target])
    squared = ((rows.unsqueeze(0) - rows.unsqueeze(1)) ** 2).sum(2)
    return block_means(kernel_sum(squared), len(source))


def mk_mmd_cdist(source, target):
    """Distances by torch.cdist."""
    rows = torch.cat([source, target])
    return block_means(kernel_sum(torch.cdist(rows, rows) ** 2), len(source))


def block_means(kernel, n):
    off_diagonal = n * (n - 1)
    source = (kernel[:n, :n].sum() - kernel[:n, :n].diagonal().sum()) / off_diagonal
    target = (kernel[n:, n:].sum() - kernel[n:, n:].diagonal().sum()) / off_diagonal
    return source + target - 2 * kernel[:n, n:].mean()


def mk_mmd(arguments):
    """MK-MMD with five kernels, forward and backward, 256 features."""
    for n in (32, 256, 1024):
        source = torch.randn(n, 256, requires_grad=True)
        target = torch.randn(n, 256, requires_grad=True)
        for name, loss in (("expanded", mk_mmd_expanded), ("cdist", mk_mmd_cdist)):
            if name == "expanded" and n > 256:
                continue

            def step():
                source.grad = target.grad = None
                loss(source, target).backward()

            repeats = 3 if name == "expanded" and n == 256 else (10 if n == 1024 else 50)
            print(f"mk-mmd {name:8} n = {n:4}        {median_ms(step, repeats, 1):9.2f} ms")


def lenet_step(arguments):
    """One source step of LeNet at batch 128."""
    network = nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.MaxPool2d(2), nn.ReLU(),
        nn.Conv2d(20, 50, 5), nn.Dropout2d(0.5), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(800, 500), nn.ReLU(), nn.Dropout(0.5), nn.Linear(500, 10),
    )
    optimizer = torch.optim.SGD(
        network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-3
    )
    images = torch.randn(128, 1, 28, 28)
    labels = torch.randint(10, (128,))

    def step():
        loss = F.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    print(f"lenet step, batch 128          {median_ms(step, 50, 5):9.2f} ms")


class SameConv(nn.Module):
    """Convolution with TensorFlow's SAME padding, batch norm and, where asked, ReLU6."""

    def __init__(self, inputs, outputs, kernel, stride, groups=1, activation=True):
        super().__init__()
        self.kernel, self.stride, self.activation = kernel, stride, activation
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x):
        size = x.shape[-1]
        total = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
        before = total // 2
        x = F.pad(x, (before, total - before, before, total - before))
        x = self.norm(self.conv(x))
        return F.relu6(x) if self.activation else x


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride, expand):
        super().__init__()
        hidden = inputs * expand
        layers = [] if expand == 1 else [SameConv(inputs, hidden, 1, 1)]
        layers.append(SameConv(hidden, hidden, kernel, stride, groups=hidden))
        layers.append(SameConv(hidden, outputs, 1, 1, activation=False))
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


def efficientnet_features(arguments):
    """EfficientNet-lite0 features of 32 images."""
    stages = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3),
              (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]
    layers, channels = [SameConv(3, 32, 3, 2)], 32
    for kernel, stride, expand, outputs, repeats in stages:
        for index in range(repeats):
            layers.append(Inverted(channels, outputs, kernel, stride if index == 0 else 1, expand))
            channels = outputs
    layers += [SameConv(320, 1280, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    network = nn.Sequential(*layers).eval()
    images = torch.randn(32, 3, 224, 224)

    def step():
        with torch.inference_mode():
            network(images)

    milliseconds = median_ms(step, 5, 1)
    print(f"efficientnet-lite0 features    {32e3 / milliseconds:9.1f} images/s")


WORK = {
    "dann": dann_step,
    "mmd": mk_mmd,
    "lenet": lenet_step,
    "efficientnet": efficientnet_features,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=sorted(WORK), default=list(WORK))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    print(f"PyTorch {torch.__version__}, {arguments.threads} thread(s)")
    for name in arguments.only:
        WORK[name](arguments)


if __name__ == "__main__":
    main()
