"""Hock and Schittkowski's problems by SciPy's SLSQP: iterations and evaluations. Needs numpy, scipy, torch.

The formulas are those of crates/kiln-optim/src/problems/hock_schittkowski.rs, `ineq` being at least 0; gradients are by PyTorch. What
says that the formulas are right are the published minima, which both must reach. `tight` is a second run with ftol=1e-12.
"""

import json
from math import inf, log, pi, sqrt

import numpy as np
import scipy
import torch
from scipy.optimize import Bounds, minimize

torch.set_default_dtype(torch.float64)


def squares_and_products(a, b, c, d, e):
    return [a.square() + b.square() + c.square() + d.square() + e.square() - 10.0, b * c - 5.0 * (d * e), a.pow(3) + b.pow(3) + 1.0]


def lines(a, b, c, d, e):
    return [a + 3.0 * b, c + d - 2.0 * e, b - e]


def flow(name, apart, minimum):
    def power(a, b, c, d):
        s = lambda angle: 1000.0 * (angle - 0.25).sin()
        return [s(-c) + s(-d) + 894.8 - a, s(c) + s(c - d) + 894.8 - b, s(d) + s(d - c) + 1294.8]
    return dict(name=name, x0=[0.0] * 4, minimum=minimum, f=lambda a, b, c, d: 3.0 * a + 1e-6 * a.pow(3) + 2.0 * b + (2e-6 / 3.0) * b.pow(3),
                eq=[power], ineq=[lambda a, b, c, d: [d - c + apart, c - d + apart]], lower=[0.0, 0.0, -apart, -apart], upper=[1200.0, 1200.0, apart, apart])


PROBLEMS = [
    dict(name='hs1', x0=[-2.0, 1.0], minimum=0.0, f=lambda x, y: 100.0 * (y - x.square()).square() + (1.0 - x).square(),
         eq=[], ineq=[], lower=[-inf, -1.5], upper=None),
    dict(name='hs2', x0=[-2.0, 1.0], minimum=0.0504261879, f=lambda x, y: 100.0 * (y - x.square()).square() + (1.0 - x).square(),
         eq=[], ineq=[], lower=[-inf, 1.5], upper=None),
    dict(name='hs3', x0=[10.0, 1.0], minimum=0.0, f=lambda x, y: y + 1e-5 * (y - x).square(),
         eq=[], ineq=[], lower=[-inf, 0.0], upper=None),
    dict(name='hs4', x0=[1.125, 0.125], minimum=8.0 / 3.0, f=lambda x, y: (x + 1.0).pow(3) * (1.0 / 3.0) + y,
         eq=[], ineq=[], lower=[1.0, 0.0], upper=None),
    dict(name='hs5', x0=[0.0, 0.0], minimum=-sqrt(3) / 2.0 - pi / 3.0, f=lambda x, y: (x + y).sin() + (x - y).square() - 1.5 * x + 2.5 * y + 1.0,
         eq=[], ineq=[], lower=[-1.5, -3.0], upper=[4.0, 3.0]),
    dict(name='hs6', x0=[-1.2, 1.0], minimum=0.0, f=lambda x, _0: (1.0 - x).square(),
         eq=[lambda x, y: [10.0 * (y - x.square())]], ineq=[], lower=None, upper=None),
    dict(name='hs7', x0=[2.0, 2.0], minimum=-sqrt(3), f=lambda x, y: (1.0 + x.square()).log() - y,
         eq=[lambda x, y: [(1.0 + x.square()).square() + y.square() - 4.0]], ineq=[], lower=None, upper=None),
    dict(name='hs8', x0=[2.0, 1.0], minimum=-1.0, f=lambda x, _0: x * 0 - 1.0,
         eq=[lambda x, y: [x.square() + y.square() - 25.0, x * y - 9.0]], ineq=[], lower=None, upper=None),
    dict(name='hs9', x0=[0.0, 0.0], minimum=-0.5, f=lambda x, y: (x * (pi / 12.0)).sin() * (y * (pi / 16.0)).cos(),
         eq=[lambda x, y: [4.0 * x - 3.0 * y]], ineq=[], lower=None, upper=None),
    dict(name='hs10', x0=[-10.0, 10.0], minimum=-1.0, f=lambda x, y: x - y,
         eq=[], ineq=[lambda x, y: [-3.0 * x.square() + 2.0 * (x * y) - y.square() + 1.0]], lower=None, upper=None),
    dict(name='hs11', x0=[4.9, 0.1], minimum=-8.498464223, f=lambda x, y: (x - 5.0).square() + y.square() - 25.0,
         eq=[], ineq=[lambda x, y: [y - x.square()]], lower=None, upper=None),
    dict(name='hs12', x0=[0.0, 0.0], minimum=-30.0, f=lambda x, y: 0.5 * x.square() + y.square() - x * y - 7.0 * x - 7.0 * y,
         eq=[], ineq=[lambda x, y: [25.0 - 4.0 * x.square() - y.square()]], lower=None, upper=None),
    dict(name='hs14', x0=[2.0, 2.0], minimum=9.0 - 2.875 * sqrt(7), f=lambda x, y: (x - 2.0).square() + (y - 1.0).square(),
         eq=[lambda x, y: [x - 2.0 * y + 1.0]], ineq=[lambda x, y: [1.0 - 0.25 * x.square() - y.square()]], lower=None, upper=None),
    dict(name='hs15', x0=[-2.0, 1.0], minimum=306.5, f=lambda x, y: 100.0 * (y - x.square()).square() + (1.0 - x).square(),
         eq=[], ineq=[lambda x, y: [x * y - 1.0, x + y.square()]], lower=None, upper=[0.5, inf]),
    dict(name='hs16', x0=[-2.0, 1.0], minimum=0.25, f=lambda x, y: 100.0 * (y - x.square()).square() + (1.0 - x).square(),
         eq=[], ineq=[lambda x, y: [x + y.square(), x.square() + y]], lower=[-2.0, -inf], upper=[0.5, 1.0]),
    dict(name='hs17', x0=[-2.0, 1.0], minimum=1.0, f=lambda x, y: 100.0 * (y - x.square()).square() + (1.0 - x).square(),
         eq=[], ineq=[lambda x, y: [y.square() - x, x.square() - y]], lower=[-0.5, -inf], upper=[0.5, 1.0]),
    dict(name='hs18', x0=[2.0, 2.0], minimum=5.0, f=lambda x, y: 0.01 * x.square() + y.square(),
         eq=[], ineq=[lambda x, y: [x * y - 25.0, x.square() + y.square() - 25.0]], lower=[2.0, 0.0], upper=[50.0, 50.0]),
    dict(name='hs19', x0=[20.1, 5.84], minimum=-6961.81381, f=lambda x, y: (x - 10.0).pow(3) + (y - 20.0).pow(3),
         eq=[], ineq=[lambda x, y: [ (x - 5.0).square() + (y - 5.0).square() - 100.0, 82.81 - (y - 5.0).square() - (x - 6.0).square(), ]], lower=[13.0, 0.0], upper=[100.0, 100.0]),
    dict(name='hs20', x0=[-2.0, 1.0], minimum=81.5 - 25.0 * sqrt(3), f=lambda x, y: 100.0 * (y - x.square()).square() + (1.0 - x).square(),
         eq=[], ineq=[lambda x, y: [x + y.square(), x.square() + y, x.square() + y.square() - 1.0]], lower=[-0.5, -inf], upper=[0.5, inf]),
    dict(name='hs21', x0=[-1.0, -1.0], minimum=-99.96, f=lambda x, y: 0.01 * x.square() + y.square() - 100.0,
         eq=[], ineq=[lambda x, y: [10.0 * x - y - 10.0]], lower=[2.0, -50.0], upper=[50.0, 50.0]),
    dict(name='hs22', x0=[2.0, 2.0], minimum=1.0, f=lambda x, y: (x - 2.0).square() + (y - 1.0).square(),
         eq=[], ineq=[lambda x, y: [2.0 - x - y, y - x.square()]], lower=None, upper=None),
    dict(name='hs23', x0=[3.0, 1.0], minimum=2.0, f=lambda x, y: x.square() + y.square(),
         eq=[], ineq=[lambda x, y: [ x + y - 1.0, x.square() + y.square() - 1.0, 9.0 * x.square() + y.square() - 9.0, x.square() - y, y.square() - x, ]], lower=[-50.0] * 2, upper=[50.0] * 2),
    dict(name='hs24', x0=[1.0, 0.5], minimum=-1.0, f=lambda x, y: ((x - 3.0).square() - 9.0) * y.pow(3) * (1.0 / (27.0 * sqrt(3))),
         eq=[], ineq=[lambda x, y: [x * (1.0 / sqrt(3)) - y, x + sqrt(3) * y, 6.0 - x - sqrt(3) * y]], lower=[0.0] * 2, upper=None),
    dict(name='hs26', x0=[-2.6, 2.0, 2.0], minimum=0.0, f=lambda x, y, z: (x - y).square() + (y - z).pow(4),
         eq=[lambda x, y, z: [(1.0 + y.square()) * x + z.pow(4) - 3.0]], ineq=[], lower=None, upper=None),
    dict(name='hs27', x0=[2.0, 2.0, 2.0], minimum=0.04, f=lambda x, y, _0: 0.01 * (x - 1.0).square() + (y - x.square()).square(),
         eq=[lambda x, _0, z: [x + z.square() + 1.0]], ineq=[], lower=None, upper=None),
    dict(name='hs28', x0=[-4.0, 1.0, 1.0], minimum=0.0, f=lambda x, y, z: (x + y).square() + (y + z).square(),
         eq=[lambda x, y, z: [x + 2.0 * y + 3.0 * z - 1.0]], ineq=[], lower=None, upper=None),
    dict(name='hs29', x0=[1.0, 1.0, 1.0], minimum=-16.0 * sqrt(2), f=lambda x, y, z: -(x * y * z),
         eq=[], ineq=[lambda x, y, z: [48.0 - x.square() - 2.0 * y.square() - 4.0 * z.square()]], lower=None, upper=None),
    dict(name='hs30', x0=[1.0, 1.0, 1.0], minimum=1.0, f=lambda x, y, z: x.square() + y.square() + z.square(),
         eq=[], ineq=[lambda x, y, _0: [x.square() + y.square() - 1.0]], lower=[1.0, -10.0, -10.0], upper=[10.0] * 3),
    dict(name='hs31', x0=[1.0, 1.0, 1.0], minimum=6.0, f=lambda x, y, z: 9.0 * x.square() + y.square() + 9.0 * z.square(),
         eq=[], ineq=[lambda x, y, _0: [x * y - 1.0]], lower=[-10.0, 1.0, -10.0], upper=[10.0, 10.0, 1.0]),
    dict(name='hs32', x0=[0.1, 0.7, 0.2], minimum=1.0, f=lambda x, y, z: (x + 3.0 * y + z).square() + 4.0 * (x - y).square(),
         eq=[lambda x, y, z: [1.0 - x - y - z]], ineq=[lambda x, y, z: [6.0 * y + 4.0 * z - x.pow(3) - 3.0]], lower=[0.0] * 3, upper=None),
    dict(name='hs33', x0=[0.0, 0.0, 3.0], minimum=sqrt(2) - 6.0, f=lambda x, _0, z: (x - 1.0) * (x - 2.0) * (x - 3.0) + z,
         eq=[], ineq=[lambda x, y, z: [z.square() - y.square() - x.square(), x.square() + y.square() + z.square() - 4.0]], lower=[0.0] * 3, upper=[inf, inf, 5.0]),
    dict(name='hs34', x0=[0.0, 1.05, 2.9], minimum=-log(log(10)), f=lambda x, _0, _1: -x,
         eq=[], ineq=[lambda x, y, z: [y - x.exp(), z - y.exp()]], lower=[0.0] * 3, upper=[100.0, 100.0, 10.0]),
    dict(name='hs35', x0=[0.5] * 3, minimum=1.0 / 9.0, f=lambda x, y, z: 9.0 - 8.0 * x - 6.0 * y - 4.0 * z + 2.0 * x.square() + 2.0 * y.square() + z.square() + 2.0 * (x * y) + 2.0 * (x * z),
         eq=[], ineq=[lambda x, y, z: [3.0 - x - y - 2.0 * z]], lower=[0.0] * 3, upper=None),
    dict(name='hs36', x0=[10.0] * 3, minimum=-3300.0, f=lambda x, y, z: -(x * y * z),
         eq=[], ineq=[lambda x, y, z: [72.0 - x - 2.0 * y - 2.0 * z]], lower=[0.0] * 3, upper=[20.0, 11.0, 42.0]),
    dict(name='hs37', x0=[10.0] * 3, minimum=-3456.0, f=lambda x, y, z: -(x * y * z),
         eq=[], ineq=[lambda x, y, z: [72.0 - x - 2.0 * y - 2.0 * z, x + 2.0 * y + 2.0 * z]], lower=[0.0] * 3, upper=[42.0] * 3),
    dict(name='hs38', x0=[-3.0, -1.0, -3.0, -1.0], minimum=0.0, f=lambda a, b, c, d: 100.0 * (b - a.square()).square() + (1.0 - a).square() + 90.0 * (d - c.square()).square() + (1.0 - c).square() + 10.1 * ((b - 1.0).square() + (d - 1.0).square()) + 19.8 * ((b - 1.0) * (d - 1.0)),
         eq=[], ineq=[], lower=[-10.0] * 4, upper=[10.0] * 4),
    dict(name='hs39', x0=[2.0] * 4, minimum=-1.0, f=lambda a, _0, _1, _2: -a,
         eq=[lambda a, b, c, d: [b - a.pow(3) - c.square(), a.square() - b - d.square()]], ineq=[], lower=None, upper=None),
    dict(name='hs40', x0=[0.8] * 4, minimum=-0.25, f=lambda a, b, c, d: -(a * b * c * d),
         eq=[lambda a, b, c, d: [a.pow(3) + b.square() - 1.0, a.square() * d - c, d.square() - b]], ineq=[], lower=None, upper=None),
    dict(name='hs41', x0=[2.0] * 4, minimum=52.0 / 27.0, f=lambda a, b, c, _0: 2.0 - a * b * c,
         eq=[lambda a, b, c, d: [a + 2.0 * b + 2.0 * c - d]], ineq=[], lower=[0.0] * 4, upper=[1.0, 1.0, 1.0, 2.0]),
    dict(name='hs42', x0=[1.0] * 4, minimum=28.0 - 10.0 * sqrt(2), f=lambda a, b, c, d: (a - 1.0).square() + (b - 2.0).square() + (c - 3.0).square() + (d - 4.0).square(),
         eq=[lambda a, _0, c, d: [a - 2.0, c.square() + d.square() - 2.0]], ineq=[], lower=None, upper=None),
    dict(name='hs43', x0=[0.0] * 4, minimum=-44.0, f=lambda a, b, c, d: a.square() + b.square() + 2.0 * c.square() + d.square() - 5.0 * a - 5.0 * b - 21.0 * c + 7.0 * d,
         eq=[], ineq=[lambda a, b, c, d: [ 8.0 - a.square() - b.square() - c.square() - d.square() - a + b - c + d, 10.0 - a.square() - 2.0 * b.square() - c.square() - 2.0 * d.square() + a + d, 5.0 - 2.0 * a.square() - b.square() - c.square() - 2.0 * a + b + d, ]], lower=None, upper=None),
    dict(name='hs44', x0=[0.0] * 4, minimum=-15.0, f=lambda a, b, c, d: a - b - c - a * c + a * d + b * c - b * d,
         eq=[], ineq=[lambda a, b, c, d: [ 8.0 - a - 2.0 * b, 12.0 - 4.0 * a - b, 12.0 - 3.0 * a - 4.0 * b, 8.0 - 2.0 * c - d, 8.0 - c - 2.0 * d, 5.0 - c - d, ]], lower=[0.0] * 4, upper=None),
    dict(name='hs45', x0=[2.0] * 5, minimum=1.0, f=lambda a, b, c, d, e: 2.0 - a * b * c * d * e * (1.0 / 120.0),
         eq=[], ineq=[], lower=[0.0] * 5, upper=[1.0, 2.0, 3.0, 4.0, 5.0]),
    dict(name='hs46', x0=[sqrt(0.5), 1.75, 0.5, 2.0, 2.0], minimum=0.0, f=lambda a, b, c, d, e: (a - b).square() + (c - 1.0).square() + (d - 1.0).pow(4) + (e - 1.0).pow(6),
         eq=[lambda a, b, c, d, e: [a.square() * d + (d - e).sin() - 1.0, b + c.pow(4) * d.square() - 2.0]], ineq=[], lower=None, upper=None),
    dict(name='hs48', x0=[3.0, 5.0, -3.0, 2.0, -2.0], minimum=0.0, f=lambda a, b, c, d, e: (a - 1.0).square() + (b - c).square() + (d - e).square(),
         eq=[lambda a, b, c, d, e: [a + b + c + d + e - 5.0, c - 2.0 * (d + e) + 3.0]], ineq=[], lower=None, upper=None),
    dict(name='hs49', x0=[10.0, 7.0, 2.0, -3.0, 0.8], minimum=0.0, f=lambda a, b, c, d, e: (a - b).square() + (c - 1.0).square() + (d - 1.0).pow(4) + (e - 1.0).pow(6),
         eq=[lambda a, b, c, d, e: [a + b + c + 4.0 * d - 7.0, c + 5.0 * e - 6.0]], ineq=[], lower=None, upper=None),
    dict(name='hs50', x0=[35.0, -31.0, 11.0, 5.0, -5.0], minimum=0.0, f=lambda a, b, c, d, e: (a - b).square() + (b - c).square() + (c - d).pow(4) + (d - e).square(),
         eq=[lambda a, b, c, d, e: [ a + 2.0 * b + 3.0 * c - 6.0, b + 2.0 * c + 3.0 * d - 6.0, c + 2.0 * d + 3.0 * e - 6.0, ]], ineq=[], lower=None, upper=None),
    dict(name='hs51', x0=[2.5, 0.5, 2.0, -1.0, 0.5], minimum=0.0, f=lambda a, b, c, d, e: (a - b).square() + (b + c - 2.0).square() + (d - 1.0).square() + (e - 1.0).square(),
         eq=[lambda a, b, c, d, e: [a + 3.0 * b - 4.0, c + d - 2.0 * e, b - e]], ineq=[], lower=None, upper=None),
    dict(name='hs52', x0=[2.0] * 5, minimum=1859.0 / 349.0, f=lambda a, b, c, d, e: (4.0 * a - b).square() + (b + c - 2.0).square() + (d - 1.0).square() + (e - 1.0).square(),
         eq=[lines], ineq=[], lower=None, upper=None),
    dict(name='hs53', x0=[2.0] * 5, minimum=176.0 / 43.0, f=lambda a, b, c, d, e: (a - b).square() + (b + c - 2.0).square() + (d - 1.0).square() + (e - 1.0).square(),
         eq=[lines], ineq=[], lower=[-10.0] * 5, upper=[10.0] * 5),
    dict(name='hs60', x0=[2.0] * 3, minimum=0.03256820025, f=lambda x, y, z: (x - 1.0).square() + (x - y).square() + (y - z).pow(4),
         eq=[lambda x, y, z: [x * (1.0 + y.square()) + z.pow(4) - (4.0 + 3.0 * sqrt(2))]], ineq=[], lower=[-10.0] * 3, upper=[10.0] * 3),
    dict(name='hs61', x0=[0.0] * 3, minimum=-143.6461422, f=lambda x, y, z: 4.0 * x.square() + 2.0 * y.square() + 2.0 * z.square() - 33.0 * x + 16.0 * y - 24.0 * z,
         eq=[lambda x, y, z: [3.0 * x - 2.0 * y.square() - 7.0, 4.0 * x - z.square() - 11.0]], ineq=[], lower=None, upper=None),
    dict(name='hs63', x0=[2.0] * 3, minimum=961.7151721, f=lambda x, y, z: 1000.0 - x.square() - 2.0 * y.square() - z.square() - x * y - x * z,
         eq=[lambda x, y, z: [8.0 * x + 14.0 * y + 7.0 * z - 56.0, x.square() + y.square() + z.square() - 25.0]], ineq=[], lower=[0.0] * 3, upper=None),
    dict(name='hs64', x0=[1.0] * 3, minimum=6299.842428, f=lambda x, y, z: 5.0 * x + 50000.0 / x + 20.0 * y + 72000.0 / y + 10.0 * z + 144000.0 / z,
         eq=[], ineq=[lambda x, y, z: [1.0 - 4.0 / x - 32.0 / y - 120.0 / z]], lower=[1e-5] * 3, upper=None),
    dict(name='hs65', x0=[-5.0, 5.0, 0.0], minimum=0.9535288567, f=lambda x, y, z: (x - y).square() + (x + y - 10.0).square() * (1.0 / 9.0) + (z - 5.0).square(),
         eq=[], ineq=[lambda x, y, z: [48.0 - x.square() - y.square() - z.square()]], lower=[-4.5, -4.5, -5.0], upper=[4.5, 4.5, 5.0]),
    dict(name='hs66', x0=[0.0, 1.05, 2.9], minimum=0.5181632741, f=lambda x, _0, z: 0.2 * z - 0.8 * x,
         eq=[], ineq=[lambda x, y, z: [y - x.exp(), z - y.exp()]], lower=[0.0] * 3, upper=[100.0, 100.0, 10.0]),
    dict(name='hs71', x0=[1.0, 5.0, 5.0, 1.0], minimum=17.014017289, f=lambda a, b, c, d: a * d * (a + b + c) + c,
         eq=[lambda a, b, c, d: [a.square() + b.square() + c.square() + d.square() - 40.0]], ineq=[lambda a, b, c, d: [a * b * c * d - 25.0]], lower=[1.0] * 4, upper=[5.0] * 4),
    dict(name='hs72', x0=[1.0] * 4, minimum=727.67937, f=lambda a, b, c, d: 1.0 + a + b + c + d,
         eq=[], ineq=[lambda a, b, c, d: [ 0.0401 - 4.0 / a - 2.25 / b - 1.0 / c - 0.25 / d, 0.010085 - 0.16 / a - 0.36 / b - 0.64 / c - 0.64 / d, ]], lower=[1e-3] * 4, upper=[4e5, 3e5, 2e5, 1e5]),
    dict(name='hs73', x0=[1.0] * 4, minimum=29.894378, f=lambda a, b, c, d: 24.55 * a + 26.75 * b + 39.0 * c + 40.5 * d,
         eq=[lambda a, b, c, d: [a + b + c + d - 1.0]], ineq=[lambda a, b, c, d: [12.0 * a + 11.9 * b + 41.8 * c + 52.1 * d - 21.0 - 1.645 * (0.28 * a.square() + 0.19 * b.square() + 20.5 * c.square() + 0.62 * d.square()).sqrt()], lambda a, b, c, d: [2.3 * a + 5.6 * b + 11.1 * c + 1.3 * d - 5.0]], lower=[0.0] * 4, upper=None),
    dict(name='hs76', x0=[0.5] * 4, minimum=-4.681818181, f=lambda a, b, c, d: a.square() + 0.5 * b.square() + c.square() + 0.5 * d.square() - a * c + c * d - a - 3.0 * b + c - d,
         eq=[], ineq=[lambda a, b, c, d: [ 5.0 - a - 2.0 * b - c - d, 4.0 - 3.0 * a - b - 2.0 * c + d, b + 4.0 * c - 1.5, ]], lower=[0.0] * 4, upper=None),
    dict(name='hs77', x0=[2.0] * 5, minimum=0.24150513, f=lambda a, b, c, d, e: (a - 1.0).square() + (a - b).square() + (c - 1.0).square() + (d - 1.0).pow(4) + (e - 1.0).pow(6),
         eq=[lambda a, b, c, d, e: [ a.square() * d + (d - e).sin() - 2.0 * sqrt(2), b + c.pow(4) * d.square() - 8.0 - sqrt(2), ]], ineq=[], lower=None, upper=None),
    dict(name='hs78', x0=[-2.0, 1.5, 2.0, -1.0, -1.0], minimum=-2.91970041, f=lambda a, b, c, d, e: a * b * c * d * e,
         eq=[squares_and_products], ineq=[], lower=None, upper=None),
    dict(name='hs79', x0=[2.0] * 5, minimum=0.0787768209, f=lambda a, b, c, d, e: (a - 1.0).square() + (a - b).square() + (b - c).square() + (c - d).pow(4) + (d - e).pow(4),
         eq=[lambda a, b, c, d, e: [ a + b.square() + c.pow(3) - 2.0 - 3.0 * sqrt(2), b - c.square() + d + 2.0 - 2.0 * sqrt(2), a * e - 2.0, ]], ineq=[], lower=None, upper=None),
    dict(name='hs80', x0=[-2.0, 2.0, 2.0, -1.0, -1.0], minimum=0.0539498478, f=lambda a, b, c, d, e: (a * b * c * d * e).exp(),
         eq=[squares_and_products], ineq=[], lower=[-2.3, -2.3, -3.2, -3.2, -3.2], upper=[2.3, 2.3, 3.2, 3.2, 3.2]),
    dict(name='hs81', x0=[-2.0, 2.0, 2.0, -1.0, -1.0], minimum=0.0539498478, f=lambda a, b, c, d, e: (a * b * c * d * e).exp() - 0.5 * (a.pow(3) + b.pow(3) + 1.0).square(),
         eq=[squares_and_products], ineq=[], lower=[-2.3, -2.3, -3.2, -3.2, -3.2], upper=[2.3, 2.3, 3.2, 3.2, 3.2]),
    dict(name='hs100', x0=[1.0, 2.0, 0.0, 4.0, 0.0, 1.0, 1.0], minimum=680.6300573, f=lambda a, b, c, d, e, f, g: (a - 10.0).square() + 5.0 * (b - 12.0).square() + c.pow(4) + 3.0 * (d - 11.0).square() + 10.0 * e.pow(6) + 7.0 * f.square() + g.pow(4) - 4.0 * (f * g) - 10.0 * f - 8.0 * g,
         eq=[], ineq=[lambda a, b, c, d, e, f, g: [ 127.0 - 2.0 * a.square() - 3.0 * b.pow(4) - c - 4.0 * d.square() - 5.0 * e, 282.0 - 7.0 * a - 3.0 * b - 10.0 * c.square() - d + e, 196.0 - 23.0 * a - b.square() - 6.0 * f.square() + 8.0 * g, 3.0 * (a * b) - 4.0 * a.square() - b.square() - 2.0 * c.square() - 5.0 * f + 11.0 * g, ]], lower=None, upper=None),
    dict(name='hs110', x0=[9.0] * 10, minimum=-45.77846971, f=lambda *x: sum((v - 2.0).log().square() + (10.0 - v).log().square() for v in x) - (0.2 * sum(v.log() for v in x)).exp(),
         eq=[], ineq=[], lower=[2.001] * 10, upper=[9.999] * 10),
    dict(name='hs113', x0=[2.0, 3.0, 5.0, 5.0, 1.0, 2.0, 7.0, 3.0, 6.0, 10.0], minimum=24.3062091, f=lambda a, b, c, d, e, f, g, h, i, j: a.square() + b.square() + a * b - 14.0 * a - 16.0 * b + (c - 10.0).square() + 4.0 * (d - 5.0).square() + (e - 3.0).square() + 2.0 * (f - 1.0).square() + 5.0 * g.square() + 7.0 * (h - 11.0).square() + 2.0 * (i - 10.0).square() + (j - 7.0).square() + 45.0,
         eq=[], ineq=[lambda a, b, c, d, e, f, g, h, i, j: [ 105.0 - 4.0 * a - 5.0 * b + 3.0 * g - 9.0 * h, -10.0 * a + 8.0 * b + 17.0 * g - 2.0 * h, 8.0 * a - 2.0 * b - 5.0 * i + 2.0 * j + 12.0, 120.0 - 3.0 * (a - 2.0).square() - 4.0 * (b - 3.0).square() - 2.0 * c.square() + 7.0 * d, 40.0 - 5.0 * a.square() - 8.0 * b - (c - 6.0).square() + 2.0 * d, 30.0 - 0.5 * (a - 8.0).square() - 2.0 * (b - 4.0).square() - 3.0 * e.square() + f, 2.0 * (a * b) - a.square() - 2.0 * (b - 2.0).square() - 14.0 * e + 6.0 * f, 3.0 * a - 6.0 * b - 12.0 * (i - 8.0).square() + 7.0 * j, ]], lower=None, upper=None),
    flow("hs74", 0.55, 5126.4981),
    flow("hs75", 0.48, 5174.4129),
]


def stacked(functions):
    return lambda x: torch.stack([value for function in functions for value in function(*x)])


def with_gradient(function):
    value = lambda x: function(torch.tensor(x)).detach().numpy()
    jacobian = lambda x: torch.autograd.functional.jacobian(function, torch.tensor(x)).numpy()
    return value, jacobian


def solve(problem, **options):
    n = len(problem["x0"])
    f, grad = with_gradient(lambda x: problem["f"](*x) + 0.0 * x.sum())
    constraints = []
    for kind in ("eq", "ineq"):
        if problem[kind]:
            value, jacobian = with_gradient(stacked(problem[kind]))
            constraints.append(dict(type=kind, fun=value, jac=jacobian))
    bounds = Bounds(problem["lower"] or [-inf] * n, problem["upper"] or [inf] * n)
    result = minimize(lambda x: float(f(x)), problem["x0"], jac=grad, bounds=bounds, constraints=constraints, method="SLSQP", options=dict(maxiter=500, **options))
    return dict(x=result.x.tolist(), fun=float(result.fun), nit=int(result.nit), nfev=int(result.nfev), njev=int(result.njev),
                success=bool(result.success), message=str(result.message))


rows = []
for problem in sorted(PROBLEMS, key=lambda problem: int(problem["name"][2:])):
    usual, tight = solve(problem), solve(problem, ftol=1e-12)
    rows.append(dict(problem=problem["name"], x0=problem["x0"], minimum=problem["minimum"], usual=usual, tight=tight))
    print(problem["name"], problem["minimum"], usual["fun"], usual["nit"], usual["nfev"], "|", tight["fun"], tight["nit"], tight["nfev"], tight["success"])
with open("hock_schittkowski.json", "w") as file:
    json.dump(dict(scipy=scipy.__version__, torch=torch.__version__, problems=rows), file, indent=1)
