"""scikit-learn's side of the comparison; run.py starts it."""

import argparse
import gzip
import pathlib
import warnings

import numpy as np
from protocol import serve
from sklearn.neural_network import MLPClassifier


def read(folder, stem, offset):
    with gzip.open(pathlib.Path(folder) / f"{stem}.gz") as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=offset)


def softmax_epoch(arguments):
    """A perceptron without hidden layers: softmax regression by minibatches, which LogisticRegression does not offer."""
    x = read(arguments.data, "train-images-idx3-ubyte", 16).reshape(-1, 784).astype(np.float32) / 255
    y = read(arguments.data, "train-labels-idx1-ubyte", 8)
    options = dict(hidden_layer_sizes=(), solver="sgd", alpha=0.0, batch_size=128, learning_rate_init=0.1)
    return lambda: MLPClassifier(**options, momentum=0.0, max_iter=1).fit(x, y)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--data")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    serve(1, {"softmax-epoch": softmax_epoch}[arguments.work](arguments))
