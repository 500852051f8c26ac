"""Names and checksums of the weights of the ImageNet classifiers that compute methods' features. Without torch."""

from __future__ import annotations

from bench.core.pretrained_files import VGG16, WeightsFile, from_url


def _published(file: str, sha256: str) -> WeightsFile:
    """A file that torchvision publishes; its name ends in the first digits of its checksum."""
    return WeightsFile(file, sha256, "downloaded", from_url(f"https://download.pytorch.org/models/{file}"))


FILES = {
    "vgg16": VGG16,
    "resnet34": _published(
        "resnet34-b627a593.pth", "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f"
    ),
    "resnet50": _published(
        "resnet50-0676ba61.pth", "0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a"
    ),
    "resnet101": _published(
        "resnet101-63fe2227.pth", "63fe2227b86e8f1f2063f43a75c84d195911b6a0eace650907dd3dc62dd49a0a"
    ),
}
"""File of each network; the ResNets' are torchvision's first weights (IMAGENET1K_V1)."""
