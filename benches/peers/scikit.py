"""scikit-learn's side of the comparison; run.py starts it."""

import argparse
import gzip
import pathlib
import warnings

import numpy as np
from protocol import serve
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


def read(folder, stem, offset):
    with gzip.open(pathlib.Path(folder) / f"{stem}.gz") as file:
        return np.frombuffer(file.read(), dtype=np.uint8, offset=offset)


def softmax_epoch(arguments):
    """A perceptron without hidden layers: softmax regression by minibatches, which LogisticRegression does not offer."""
    x = read(arguments.data, "train-images-idx3-ubyte", 16).reshape(-1, 784).astype(np.float32) / 255
    y = read(arguments.data, "train-labels-idx1-ubyte", 8)
    options = dict(hidden_layer_sizes=(), solver="sgd", alpha=0.0, batch_size=128, learning_rate_init=0.1)
    return lambda: MLPClassifier(**options, momentum=0.0, max_iter=1).fit(x, y)


def scatter(index):
    """A number in [0, 1) of 24 bits from each index, the same as kiln.rs's."""
    z = (index.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(40)).astype(np.float32) / np.float32(16777216)


def logistic_fit(arguments):
    n, d = 100_000, 100
    x = (scatter(np.arange(n * d)) * 2 - 1).reshape(n, d)
    weight = scatter(np.arange(n * d, n * d + d)).astype(float) * 2 - 1
    noise = scatter(np.arange(n * d + d, n * d + d + n)).astype(float) * 4 - 2
    y = (x.astype(float) @ weight + noise > 0).astype(int)
    l2 = 1e-4
    fit = lambda: LogisticRegression(C=1 / (n * l2), tol=1e-6, max_iter=1000, solver="lbfgs").fit(x, y)
    if arguments.show:
        model = fit()
        z = (x.astype(float) @ model.coef_[0] + model.intercept_[0]) * (2 * y - 1)
        value = np.logaddexp(0, -z).mean() + l2 / 2 * (model.coef_ ** 2).sum()
        print(dict(fun=value, nit=model.n_iter_.tolist()))
        raise SystemExit
    return fit


def svm_fit(arguments):
    data = load_breast_cancer()
    x = StandardScaler().fit_transform(data.data)
    options = dict(kernel="rbf", gamma=1 / 30) if arguments.kernel == "rbf" else dict(kernel="linear")
    return lambda: SVC(C=1.0, tol=1e-8, **options).fit(x, data.target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernel")
    parser.add_argument("--work", required=True)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--data")
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    serve(1, {"softmax-epoch": softmax_epoch, "logistic-fit": logistic_fit, "svm-fit": svm_fit}[arguments.work](arguments))
