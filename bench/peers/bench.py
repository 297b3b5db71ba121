"""The work of `just bench`, done in PyTorch, for comparison on the same machine.

Needs PyTorch and NumPy only; all inputs are random. Debian's PyTorch calls the reference BLAS unless
`libopenblas0` is installed. Prints medians in milliseconds.

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


def efficientnet_lite0():
    """EfficientNet-lite0 without its classifier."""
    stages = [(3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3),
              (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)]
    layers, channels = [SameConv(3, 32, 3, 2)], 32
    for kernel, stride, expand, outputs, repeats in stages:
        for index in range(repeats):
            layers.append(Inverted(channels, outputs, kernel, stride if index == 0 else 1, expand))
            channels = outputs
    layers += [SameConv(320, 1280, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers)


def efficientnet_features(arguments):
    """EfficientNet-lite0 features of 32 images."""
    network = efficientnet_lite0().eval()
    images = torch.randn(32, 3, 224, 224)

    def step():
        with torch.inference_mode():
            network(images)

    milliseconds = median_ms(step, 5, 1)
    print(f"efficientnet-lite0 features    {32e3 / milliseconds:9.1f} images/s")


class MiniLm(nn.Module):
    """Mean over the tokens of a BERT of 6 layers, 384 values and 12 heads, of length 1."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(30522, 384)
        self.positions = nn.Embedding(512, 384)
        self.norm = nn.LayerNorm(384, eps=1e-12)
        layer = nn.TransformerEncoderLayer(
            384, 12, 1536, dropout=0.1, activation="gelu", layer_norm_eps=1e-12, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 6)

    def forward(self, ids):
        tokens = self.words(ids) + self.positions(torch.arange(ids.shape[1]))
        return F.normalize(self.encoder(self.norm(tokens)).mean(1))


def minilm(arguments):
    """Features of MiniLM, frozen, 32 sentences of 128 tokens."""
    network = MiniLm().eval()
    ids = torch.randint(30522, (32, 128))

    def step():
        # Without gradients PyTorch takes its fused encoder.
        with torch.no_grad():
            network(ids)

    milliseconds = median_ms(step, 5, 1)
    print(f"minilm features                {32e3 / milliseconds:9.1f} sentences/s")


class Residual(nn.Module):
    """A block of a residual network: two convolutions of 3 x 3, or 1 x 1, 3 x 3 and 1 x 1."""

    def __init__(self, inputs, width, stride, deep):
        super().__init__()
        outputs = 4 * width if deep else width
        if deep:
            shapes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        else:
            shapes = [(inputs, width, 3, stride), (width, width, 3, 1)]
        layers = []
        for before, after, kernel, step in shapes:
            layers += [
                nn.Conv2d(before, after, kernel, step, kernel // 2, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers[:-1])
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        return F.relu(self.layers(x) + self.shortcut(x), inplace=True)


def resnet(depth):
    """A residual network without its classifier."""
    deep = depth >= 50
    layers = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    inputs = 64
    for stage, blocks in enumerate([2, 2, 2, 2] if depth == 18 else [3, 4, 6, 3]):
        width = 64 << stage
        for block in range(blocks):
            layers.append(Residual(inputs, width, 2 if block == 0 and stage > 0 else 1, deep))
            inputs = 4 * width if deep else width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def dann_on_images(name, network, features, half):
    """A DANN step that trains a whole network, `half` images of each domain at 224 x 224."""
    classifier = nn.Linear(features, 31)
    discriminator = nn.Sequential(
        nn.Linear(features, 1024), nn.BatchNorm1d(1024), nn.ReLU(),
        nn.Linear(1024, 1024), nn.BatchNorm1d(1024), nn.ReLU(),
        nn.Linear(1024, 1),
    )
    optimizer = torch.optim.SGD(
        nn.ModuleList([network, classifier, discriminator]).parameters(),
        lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-3,
    )
    images = torch.randn(2 * half, 3, 224, 224)
    labels = torch.randint(31, (half,))
    domains = torch.cat([torch.ones(half, 1), torch.zeros(half, 1)])

    def step():
        found = network(images)
        class_loss = F.cross_entropy(classifier(found[:half]), labels)
        logits = discriminator(Reverse.apply(found, 0.5))
        loss = class_loss + F.binary_cross_entropy_with_logits(logits, domains)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    milliseconds = median_ms(step, 5, 1)
    print(f"{name} dann step, {half:2} + {half:2} images {milliseconds:9.0f} ms")


def resnet18_step(arguments):
    """DANN on ResNet-18."""
    dann_on_images("resnet18          ", resnet(18), 512, 8)


def resnet50_step(arguments):
    """DANN on ResNet-50."""
    dann_on_images("resnet50          ", resnet(50), 2048, 4)


def efficientnet_step(arguments):
    """DANN on EfficientNet-lite0."""
    dann_on_images("efficientnet-lite0", efficientnet_lite0(), 1280, 12)


def cnn1d_step(arguments):
    """A source step of AdaTime's network on 9 channels of 128 time steps, batch 32."""
    layers, channels = [], 9
    for index, (outputs, kernel) in enumerate([(64, 5), (128, 8), (128, 8)]):
        layers += [
            nn.Conv1d(channels, outputs, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm1d(outputs), nn.ReLU(), nn.MaxPool1d(2, 2, 1),
        ] + ([nn.Dropout(0.5)] if index == 0 else [])
        channels = outputs
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(128, 6))
    optimizer = torch.optim.SGD(
        network.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-3
    )
    series, labels = torch.randn(32, 9, 128), torch.randint(6, (32,))

    def step():
        loss = F.cross_entropy(network(series), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    print(f"cnn1d step, batch 32           {median_ms(step, 50, 5):9.2f} ms")


WORK = {
    "dann": dann_step,
    "mmd": mk_mmd,
    "lenet": lenet_step,
    "efficientnet": efficientnet_features,
    "minilm": minilm,
    "resnet18-step": resnet18_step,
    "resnet50-step": resnet50_step,
    "efficientnet-step": efficientnet_step,
    "cnn1d-step": cnn1d_step,
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
