//! Problems of Hock and Schittkowski, *Test Examples for Nonlinear Programming Codes* (1981), with their numbers, starts and
//! minima. Minima are in closed form where one is known.

use std::f64::consts::{FRAC_1_SQRT_2, LN_10, PI, SQRT_2};

use super::{
    formulas::{ConstrainedTestProblem, Formulas},
    variable::Var,
};

const INF: f64 = f64::INFINITY;

/// Rosenbrock's function, which many of the problems have.
fn valley([x, y]: &[Var; 2]) -> Var {
    100.0 * (y - x.sq()).sq() + (1.0 - x).sq()
}

/// −x·y·z.
fn volume([x, y, z]: &[Var; 3]) -> Var {
    -(x * y * z)
}

pub(super) fn all() -> Vec<ConstrainedTestProblem> {
    let small = two_unknowns().into_iter().map(Formulas::done).chain(three_unknowns().into_iter().map(Formulas::done));
    let more = four_unknowns().into_iter().map(Formulas::done).chain(five_unknowns().into_iter().map(Formulas::done));
    let mut all: Vec<_> = small.chain(more).chain([hs100().done(), hs110().done(), hs113().done()]).collect();
    all.sort_by_key(|problem| problem.name[2..].parse::<u32>().expect("hs and a number"));
    all
}

fn two_unknowns() -> Vec<Formulas<2>> {
    let sqrt3 = 3f64.sqrt();
    vec![
        Formulas::new("hs1", [-2.0, 1.0], Some(0.0), valley).lower([-INF, -1.5]),
        Formulas::new("hs2", [-2.0, 1.0], Some(0.050_426_187_9), valley).lower([-INF, 1.5]),
        Formulas::new("hs3", [10.0, 1.0], Some(0.0), |[x, y]| y + 1e-5 * (y - x).sq()).lower([-INF, 0.0]).convex(),
        Formulas::new("hs4", [1.125, 0.125], Some(8.0 / 3.0), |[x, y]| (x + 1.0).cube() * (1.0 / 3.0) + y)
            .lower([1.0, 0.0]),
        Formulas::new("hs5", [0.0, 0.0], Some(-sqrt3 / 2.0 - PI / 3.0), |[x, y]| {
            (x + y).sin() + (x - y).sq() - 1.5 * x + 2.5 * y + 1.0
        })
        .lower([-1.5, -3.0])
        .upper([4.0, 3.0]),
        Formulas::new("hs6", [-1.2, 1.0], Some(0.0), |[x, _]| (1.0 - x).sq())
            .equal("valley", |[x, y]| vec![10.0 * (y - x.sq())]),
        Formulas::new("hs7", [2.0, 2.0], Some(-sqrt3), |[x, y]| (1.0 + x.sq()).ln() - y)
            .equal("curve", |[x, y]| vec![(1.0 + x.sq()).sq() + y.sq() - 4.0]),
        Formulas::new("hs8", [2.0, 1.0], Some(-1.0), |[x, _]| x.constant(-1.0))
            .equal("system", |[x, y]| vec![x.sq() + y.sq() - 25.0, x * y - 9.0]),
        Formulas::new("hs9", [0.0, 0.0], Some(-0.5), |[x, y]| (x * (PI / 12.0)).sin() * (y * (PI / 16.0)).cos())
            .equal("line", |[x, y]| vec![4.0 * x - 3.0 * y]),
        Formulas::new("hs10", [-10.0, 10.0], Some(-1.0), |[x, y]| x - y)
            .at_least("ellipse", |[x, y]| vec![-3.0 * x.sq() + 2.0 * (x * y) - y.sq() + 1.0])
            .convex(),
        Formulas::new("hs11", [4.9, 0.1], Some(-8.498_464_223), |[x, y]| (x - 5.0).sq() + y.sq() - 25.0)
            .at_least("parabola", |[x, y]| vec![y - x.sq()])
            .convex(),
        Formulas::new("hs12", [0.0, 0.0], Some(-30.0), |[x, y]| 0.5 * x.sq() + y.sq() - x * y - 7.0 * x - 7.0 * y)
            .at_least("ellipse", |[x, y]| vec![25.0 - 4.0 * x.sq() - y.sq()])
            .convex(),
        Formulas::new("hs14", [2.0, 2.0], Some(9.0 - 2.875 * 7f64.sqrt()), |[x, y]| (x - 2.0).sq() + (y - 1.0).sq())
            .at_least("ellipse", |[x, y]| vec![1.0 - 0.25 * x.sq() - y.sq()])
            .equal("line", |[x, y]| vec![x - 2.0 * y + 1.0])
            .convex(),
        Formulas::new("hs15", [-2.0, 1.0], Some(306.5), valley)
            .at_least("curves", |[x, y]| vec![x * y - 1.0, x + y.sq()])
            .upper([0.5, INF]),
        Formulas::new("hs16", [-2.0, 1.0], Some(0.25), valley)
            .at_least("parabolas", |[x, y]| vec![x + y.sq(), x.sq() + y])
            .lower([-2.0, -INF])
            .upper([0.5, 1.0]),
        Formulas::new("hs17", [-2.0, 1.0], Some(1.0), valley)
            .at_least("parabolas", |[x, y]| vec![y.sq() - x, x.sq() - y])
            .lower([-0.5, -INF])
            .upper([0.5, 1.0]),
        Formulas::new("hs18", [2.0, 2.0], Some(5.0), |[x, y]| 0.01 * x.sq() + y.sq())
            .at_least("curves", |[x, y]| vec![x * y - 25.0, x.sq() + y.sq() - 25.0])
            .lower([2.0, 0.0])
            .upper([50.0, 50.0]),
        Formulas::new("hs19", [20.1, 5.84], Some(-6_961.813_81), |[x, y]| (x - 10.0).cube() + (y - 20.0).cube())
            .at_least("circles", |[x, y]| {
                vec![(x - 5.0).sq() + (y - 5.0).sq() - 100.0, 82.81 - (y - 5.0).sq() - (x - 6.0).sq()]
            })
            .lower([13.0, 0.0])
            .upper([100.0, 100.0]),
        Formulas::new("hs20", [-2.0, 1.0], Some(81.5 - 25.0 * sqrt3), valley)
            .at_least("curves", |[x, y]| vec![x + y.sq(), x.sq() + y, x.sq() + y.sq() - 1.0])
            .lower([-0.5, -INF])
            .upper([0.5, INF]),
        Formulas::new("hs21", [-1.0, -1.0], Some(-99.96), |[x, y]| 0.01 * x.sq() + y.sq() - 100.0)
            .at_least("halfplane", |[x, y]| vec![10.0 * x - y - 10.0])
            .lower([2.0, -50.0])
            .upper([50.0, 50.0])
            .convex(),
        Formulas::new("hs22", [2.0, 2.0], Some(1.0), |[x, y]| (x - 2.0).sq() + (y - 1.0).sq())
            .at_least("region", |[x, y]| vec![2.0 - x - y, y - x.sq()])
            .convex(),
        Formulas::new("hs23", [3.0, 1.0], Some(2.0), |[x, y]| x.sq() + y.sq())
            .at_least("curves", |[x, y]| {
                vec![x + y - 1.0, x.sq() + y.sq() - 1.0, 9.0 * x.sq() + y.sq() - 9.0, x.sq() - y, y.sq() - x]
            })
            .lower([-50.0; 2])
            .upper([50.0; 2]),
        Formulas::new("hs24", [1.0, 0.5], Some(-1.0), |[x, y]| {
            ((x - 3.0).sq() - 9.0) * y.cube() * (1.0 / (27.0 * 3f64.sqrt()))
        })
        .at_least("triangle", |[x, y]| {
            let root = 3f64.sqrt();
            vec![x * (1.0 / root) - y, x + root * y, 6.0 - x - root * y]
        })
        .lower([0.0; 2]),
    ]
}

fn three_unknowns() -> Vec<Formulas<3>> {
    vec![
        Formulas::new("hs26", [-2.6, 2.0, 2.0], Some(0.0), |[x, y, z]| (x - y).sq() + (y - z).pow(4))
            .equal("curve", |[x, y, z]| vec![(1.0 + y.sq()) * x + z.pow(4) - 3.0]),
        Formulas::new("hs27", [2.0, 2.0, 2.0], Some(0.04), |[x, y, _]| 0.01 * (x - 1.0).sq() + (y - x.sq()).sq())
            .equal("curve", |[x, _, z]| vec![x + z.sq() + 1.0]),
        Formulas::new("hs28", [-4.0, 1.0, 1.0], Some(0.0), |[x, y, z]| (x + y).sq() + (y + z).sq())
            .equal("plane", |[x, y, z]| vec![x + 2.0 * y + 3.0 * z - 1.0])
            .convex(),
        Formulas::new("hs29", [1.0, 1.0, 1.0], Some(-16.0 * SQRT_2), volume)
            .at_least("ellipsoid", |[x, y, z]| vec![48.0 - x.sq() - 2.0 * y.sq() - 4.0 * z.sq()]),
        Formulas::new("hs30", [1.0, 1.0, 1.0], Some(1.0), |[x, y, z]| x.sq() + y.sq() + z.sq())
            .at_least("cylinder", |[x, y, _]| vec![x.sq() + y.sq() - 1.0])
            .lower([1.0, -10.0, -10.0])
            .upper([10.0; 3]),
        Formulas::new("hs31", [1.0, 1.0, 1.0], Some(6.0), |[x, y, z]| 9.0 * x.sq() + y.sq() + 9.0 * z.sq())
            .at_least("hyperbola", |[x, y, _]| vec![x * y - 1.0])
            .lower([-10.0, 1.0, -10.0])
            .upper([10.0, 10.0, 1.0]),
        Formulas::new("hs32", [0.1, 0.7, 0.2], Some(1.0), |[x, y, z]| (x + 3.0 * y + z).sq() + 4.0 * (x - y).sq())
            .at_least("curve", |[x, y, z]| vec![6.0 * y + 4.0 * z - x.cube() - 3.0])
            .equal("simplex", |[x, y, z]| vec![1.0 - x - y - z])
            .lower([0.0; 3]),
        Formulas::new("hs33", [0.0, 0.0, 3.0], Some(SQRT_2 - 6.0), |[x, _, z]| (x - 1.0) * (x - 2.0) * (x - 3.0) + z)
            .at_least("cone and ball", |[x, y, z]| vec![z.sq() - y.sq() - x.sq(), x.sq() + y.sq() + z.sq() - 4.0])
            .lower([0.0; 3])
            .upper([INF, INF, 5.0]),
        Formulas::new("hs34", [0.0, 1.05, 2.9], Some(-LN_10.ln()), |[x, _, _]| -x)
            .at_least("exponentials", |[x, y, z]| vec![y - x.exp(), z - y.exp()])
            .lower([0.0; 3])
            .upper([100.0, 100.0, 10.0])
            .convex(),
        Formulas::new("hs35", [0.5; 3], Some(1.0 / 9.0), |[x, y, z]| {
            9.0 - 8.0 * x - 6.0 * y - 4.0 * z + 2.0 * x.sq() + 2.0 * y.sq() + z.sq() + 2.0 * (x * y) + 2.0 * (x * z)
        })
        .at_least("plane", |[x, y, z]| vec![3.0 - x - y - 2.0 * z])
        .lower([0.0; 3])
        .convex(),
        Formulas::new("hs36", [10.0; 3], Some(-3300.0), volume)
            .at_least("girth", |[x, y, z]| vec![72.0 - x - 2.0 * y - 2.0 * z])
            .lower([0.0; 3])
            .upper([20.0, 11.0, 42.0]),
        Formulas::new("hs37", [10.0; 3], Some(-3456.0), volume)
            .at_least("girth", |[x, y, z]| vec![72.0 - x - 2.0 * y - 2.0 * z, x + 2.0 * y + 2.0 * z])
            .lower([0.0; 3])
            .upper([42.0; 3]),
        Formulas::new("hs60", [2.0; 3], Some(0.032_568_200_25), |[x, y, z]| {
            (x - 1.0).sq() + (x - y).sq() + (y - z).pow(4)
        })
        .equal("curve", |[x, y, z]| vec![x * (1.0 + y.sq()) + z.pow(4) - (4.0 + 3.0 * SQRT_2)])
        .lower([-10.0; 3])
        .upper([10.0; 3]),
        Formulas::new("hs61", [0.0; 3], Some(-143.646_142_2), |[x, y, z]| {
            4.0 * x.sq() + 2.0 * y.sq() + 2.0 * z.sq() - 33.0 * x + 16.0 * y - 24.0 * z
        })
        .equal("parabolas", |[x, y, z]| vec![3.0 * x - 2.0 * y.sq() - 7.0, 4.0 * x - z.sq() - 11.0]),
        Formulas::new("hs63", [2.0; 3], Some(961.715_172_1), |[x, y, z]| {
            1000.0 - x.sq() - 2.0 * y.sq() - z.sq() - x * y - x * z
        })
        .equal("circle", |[x, y, z]| vec![8.0 * x + 14.0 * y + 7.0 * z - 56.0, x.sq() + y.sq() + z.sq() - 25.0])
        .lower([0.0; 3]),
        Formulas::new("hs64", [1.0; 3], Some(6_299.842_428), |[x, y, z]| {
            5.0 * x + 50_000.0 / x + 20.0 * y + 72_000.0 / y + 10.0 * z + 144_000.0 / z
        })
        .at_least("capacity", |[x, y, z]| vec![1.0 - 4.0 / x - 32.0 / y - 120.0 / z])
        .lower([1e-5; 3])
        .convex(),
        Formulas::new("hs65", [-5.0, 5.0, 0.0], Some(0.953_528_856_7), |[x, y, z]| {
            (x - y).sq() + (x + y - 10.0).sq() * (1.0 / 9.0) + (z - 5.0).sq()
        })
        .at_least("ball", |[x, y, z]| vec![48.0 - x.sq() - y.sq() - z.sq()])
        .lower([-4.5, -4.5, -5.0])
        .upper([4.5, 4.5, 5.0])
        .convex(),
        Formulas::new("hs66", [0.0, 1.05, 2.9], Some(0.518_163_274_1), |[x, _, z]| 0.2 * z - 0.8 * x)
            .at_least("exponentials", |[x, y, z]| vec![y - x.exp(), z - y.exp()])
            .lower([0.0; 3])
            .upper([100.0, 100.0, 10.0])
            .convex(),
    ]
}

fn four_unknowns() -> Vec<Formulas<4>> {
    vec![
        Formulas::new("hs38", [-3.0, -1.0, -3.0, -1.0], Some(0.0), |[a, b, c, d]| {
            100.0 * (b - a.sq()).sq()
                + (1.0 - a).sq()
                + 90.0 * (d - c.sq()).sq()
                + (1.0 - c).sq()
                + 10.1 * ((b - 1.0).sq() + (d - 1.0).sq())
                + 19.8 * ((b - 1.0) * (d - 1.0))
        })
        .lower([-10.0; 4])
        .upper([10.0; 4]),
        Formulas::new("hs39", [2.0; 4], Some(-1.0), |[a, _, _, _]| -a)
            .equal("curves", |[a, b, c, d]| vec![b - a.cube() - c.sq(), a.sq() - b - d.sq()]),
        Formulas::new("hs40", [0.8; 4], Some(-0.25), |[a, b, c, d]| -(a * b * c * d))
            .equal("curves", |[a, b, c, d]| vec![a.cube() + b.sq() - 1.0, a.sq() * d - c, d.sq() - b]),
        Formulas::new("hs41", [2.0; 4], Some(52.0 / 27.0), |[a, b, c, _]| 2.0 - a * b * c)
            .equal("plane", |[a, b, c, d]| vec![a + 2.0 * b + 2.0 * c - d])
            .lower([0.0; 4])
            .upper([1.0, 1.0, 1.0, 2.0]),
        Formulas::new("hs42", [1.0; 4], Some(28.0 - 10.0 * SQRT_2), |[a, b, c, d]| {
            (a - 1.0).sq() + (b - 2.0).sq() + (c - 3.0).sq() + (d - 4.0).sq()
        })
        .equal("circle", |[a, _, c, d]| vec![a - 2.0, c.sq() + d.sq() - 2.0]),
        Formulas::new("hs43", [0.0; 4], Some(-44.0), |[a, b, c, d]| {
            a.sq() + b.sq() + 2.0 * c.sq() + d.sq() - 5.0 * a - 5.0 * b - 21.0 * c + 7.0 * d
        })
        .about("Rosen and Suzuki's")
        .at_least("ellipsoids", |[a, b, c, d]| {
            vec![
                8.0 - a.sq() - b.sq() - c.sq() - d.sq() - a + b - c + d,
                10.0 - a.sq() - 2.0 * b.sq() - c.sq() - 2.0 * d.sq() + a + d,
                5.0 - 2.0 * a.sq() - b.sq() - c.sq() - 2.0 * a + b + d,
            ]
        })
        .convex(),
        Formulas::new("hs44", [0.0; 4], Some(-15.0), |[a, b, c, d]| a - b - c - a * c + a * d + b * c - b * d)
            .at_least("polytope", |[a, b, c, d]| {
                vec![
                    8.0 - a - 2.0 * b,
                    12.0 - 4.0 * a - b,
                    12.0 - 3.0 * a - 4.0 * b,
                    8.0 - 2.0 * c - d,
                    8.0 - c - 2.0 * d,
                    5.0 - c - d,
                ]
            })
            .lower([0.0; 4]),
        Formulas::new("hs71", [1.0, 5.0, 5.0, 1.0], Some(17.014_017_289), |[a, b, c, d]| a * d * (a + b + c) + c)
            .about("the usual example of interior methods")
            .at_least("product", |[a, b, c, d]| vec![a * b * c * d - 25.0])
            .equal("squares", |[a, b, c, d]| vec![a.sq() + b.sq() + c.sq() + d.sq() - 40.0])
            .lower([1.0; 4])
            .upper([5.0; 4]),
        Formulas::new("hs72", [1.0; 4], Some(727.679_37), |[a, b, c, d]| 1.0 + a + b + c + d)
            .at_least("variances", |[a, b, c, d]| {
                vec![
                    0.0401 - 4.0 / a - 2.25 / b - 1.0 / c - 0.25 / d,
                    0.010_085 - 0.16 / a - 0.36 / b - 0.64 / c - 0.64 / d,
                ]
            })
            .lower([1e-3; 4])
            .upper([4e5, 3e5, 2e5, 1e5])
            .convex(),
        Formulas::new("hs73", [1.0; 4], Some(29.894_378), |[a, b, c, d]| 24.55 * a + 26.75 * b + 39.0 * c + 40.5 * d)
            .about("the cheapest feed for cattle that is good enough with a probability of 95%")
            .at_least("protein", |[a, b, c, d]| {
                let variance = 0.28 * a.sq() + 0.19 * b.sq() + 20.5 * c.sq() + 0.62 * d.sq();
                vec![12.0 * a + 11.9 * b + 41.8 * c + 52.1 * d - 21.0 - 1.645 * variance.sqrt()]
            })
            .at_least("fat", |[a, b, c, d]| vec![2.3 * a + 5.6 * b + 11.1 * c + 1.3 * d - 5.0])
            .equal("shares", |[a, b, c, d]| vec![a + b + c + d - 1.0])
            .lower([0.0; 4])
            .convex(),
        flow("hs74", 0.55, 5126.4981),
        flow("hs75", 0.48, 5174.4129),
        Formulas::new("hs76", [0.5; 4], Some(-4.681_818_181), |[a, b, c, d]| {
            a.sq() + 0.5 * b.sq() + c.sq() + 0.5 * d.sq() - a * c + c * d - a - 3.0 * b + c - d
        })
        .at_least("polytope", |[a, b, c, d]| {
            vec![5.0 - a - 2.0 * b - c - d, 4.0 - 3.0 * a - b - 2.0 * c + d, b + 4.0 * c - 1.5]
        })
        .lower([0.0; 4])
        .convex(),
    ]
}

/// The power flow of problems 74 and 75, which differ in the largest difference of the angles.
fn flow(name: &'static str, apart: f64, minimum: f64) -> Formulas<4> {
    Formulas::new(name, [0.0; 4], Some(minimum), |[a, b, _, _]| {
        3.0 * a + 1e-6 * a.cube() + 2.0 * b + (2e-6 / 3.0) * b.cube()
    })
    .about("the cheapest flow of power")
    .equal("power", |[a, b, c, d]| {
        let s = |angle: Var| 1000.0 * (angle - 0.25).sin();
        vec![s(-c) + s(-d) + 894.8 - a, s(c.clone()) + s(c - d) + 894.8 - b, s(d.clone()) + s(d - c) + 1294.8]
    })
    .at_least("angles", move |[_, _, c, d]| vec![d - c + apart, c - d + apart])
    .lower([0.0, 0.0, -apart, -apart])
    .upper([1200.0, 1200.0, apart, apart])
}

fn five_unknowns() -> Vec<Formulas<5>> {
    let squares_and_products: fn(&[Var; 5]) -> Vec<Var> = |[a, b, c, d, e]| {
        vec![a.sq() + b.sq() + c.sq() + d.sq() + e.sq() - 10.0, b * c - 5.0 * (d * e), a.cube() + b.cube() + 1.0]
    };
    let lines: fn(&[Var; 5]) -> Vec<Var> = |[a, b, c, d, e]| vec![a + 3.0 * b, c + d - 2.0 * e, b - e];
    vec![
        Formulas::new("hs45", [2.0; 5], Some(1.0), |[a, b, c, d, e]| 2.0 - a * b * c * d * e * (1.0 / 120.0))
            .lower([0.0; 5])
            .upper([1.0, 2.0, 3.0, 4.0, 5.0]),
        Formulas::new("hs46", [FRAC_1_SQRT_2, 1.75, 0.5, 2.0, 2.0], Some(0.0), |[a, b, c, d, e]| {
            (a - b).sq() + (c - 1.0).sq() + (d - 1.0).pow(4) + (e - 1.0).pow(6)
        })
        .equal("curves", |[a, b, c, d, e]| vec![a.sq() * d + (d - e).sin() - 1.0, b + c.pow(4) * d.sq() - 2.0]),
        Formulas::new("hs48", [3.0, 5.0, -3.0, 2.0, -2.0], Some(0.0), |[a, b, c, d, e]| {
            (a - 1.0).sq() + (b - c).sq() + (d - e).sq()
        })
        .equal("planes", |[a, b, c, d, e]| vec![a + b + c + d + e - 5.0, c - 2.0 * (d + e) + 3.0])
        .convex(),
        Formulas::new("hs49", [10.0, 7.0, 2.0, -3.0, 0.8], Some(0.0), |[a, b, c, d, e]| {
            (a - b).sq() + (c - 1.0).sq() + (d - 1.0).pow(4) + (e - 1.0).pow(6)
        })
        .equal("planes", |[a, b, c, d, e]| vec![a + b + c + 4.0 * d - 7.0, c + 5.0 * e - 6.0])
        .convex(),
        Formulas::new("hs50", [35.0, -31.0, 11.0, 5.0, -5.0], Some(0.0), |[a, b, c, d, e]| {
            (a - b).sq() + (b - c).sq() + (c - d).pow(4) + (d - e).sq()
        })
        .equal("planes", |[a, b, c, d, e]| {
            vec![a + 2.0 * b + 3.0 * c - 6.0, b + 2.0 * c + 3.0 * d - 6.0, c + 2.0 * d + 3.0 * e - 6.0]
        })
        .convex(),
        Formulas::new("hs51", [2.5, 0.5, 2.0, -1.0, 0.5], Some(0.0), |[a, b, c, d, e]| {
            (a - b).sq() + (b + c - 2.0).sq() + (d - 1.0).sq() + (e - 1.0).sq()
        })
        .equal("planes", |[a, b, c, d, e]| vec![a + 3.0 * b - 4.0, c + d - 2.0 * e, b - e])
        .convex(),
        Formulas::new("hs52", [2.0; 5], Some(1859.0 / 349.0), |[a, b, c, d, e]| {
            (4.0 * a - b).sq() + (b + c - 2.0).sq() + (d - 1.0).sq() + (e - 1.0).sq()
        })
        .equal("planes", lines)
        .convex(),
        Formulas::new("hs53", [2.0; 5], Some(176.0 / 43.0), |[a, b, c, d, e]| {
            (a - b).sq() + (b + c - 2.0).sq() + (d - 1.0).sq() + (e - 1.0).sq()
        })
        .equal("planes", lines)
        .lower([-10.0; 5])
        .upper([10.0; 5])
        .convex(),
        Formulas::new("hs77", [2.0; 5], Some(0.241_505_13), |[a, b, c, d, e]| {
            (a - 1.0).sq() + (a - b).sq() + (c - 1.0).sq() + (d - 1.0).pow(4) + (e - 1.0).pow(6)
        })
        .equal("curves", |[a, b, c, d, e]| {
            vec![a.sq() * d + (d - e).sin() - 2.0 * SQRT_2, b + c.pow(4) * d.sq() - 8.0 - SQRT_2]
        }),
        Formulas::new("hs78", [-2.0, 1.5, 2.0, -1.0, -1.0], Some(-2.919_700_41), |[a, b, c, d, e]| a * b * c * d * e)
            .equal("curves", squares_and_products),
        Formulas::new("hs79", [2.0; 5], Some(0.078_776_820_9), |[a, b, c, d, e]| {
            (a - 1.0).sq() + (a - b).sq() + (b - c).sq() + (c - d).pow(4) + (d - e).pow(4)
        })
        .equal("curves", |[a, b, c, d, e]| {
            vec![a + b.sq() + c.cube() - 2.0 - 3.0 * SQRT_2, b - c.sq() + d + 2.0 - 2.0 * SQRT_2, a * e - 2.0]
        }),
        Formulas::new("hs80", [-2.0, 2.0, 2.0, -1.0, -1.0], Some(0.053_949_847_8), |[a, b, c, d, e]| {
            (a * b * c * d * e).exp()
        })
        .equal("curves", squares_and_products)
        .lower([-2.3, -2.3, -3.2, -3.2, -3.2])
        .upper([2.3, 2.3, 3.2, 3.2, 3.2]),
        Formulas::new("hs81", [-2.0, 2.0, 2.0, -1.0, -1.0], Some(0.053_949_847_8), |[a, b, c, d, e]| {
            (a * b * c * d * e).exp() - 0.5 * (a.cube() + b.cube() + 1.0).sq()
        })
        .equal("curves", squares_and_products)
        .lower([-2.3, -2.3, -3.2, -3.2, -3.2])
        .upper([2.3, 2.3, 3.2, 3.2, 3.2]),
    ]
}

fn hs100() -> Formulas<7> {
    Formulas::new("hs100", [1.0, 2.0, 0.0, 4.0, 0.0, 1.0, 1.0], Some(680.630_057_3), |[a, b, c, d, e, f, g]| {
        (a - 10.0).sq()
            + 5.0 * (b - 12.0).sq()
            + c.pow(4)
            + 3.0 * (d - 11.0).sq()
            + 10.0 * e.pow(6)
            + 7.0 * f.sq()
            + g.pow(4)
            - 4.0 * (f * g)
            - 10.0 * f
            - 8.0 * g
    })
    .at_least("region", |[a, b, c, d, e, f, g]| {
        vec![
            127.0 - 2.0 * a.sq() - 3.0 * b.pow(4) - c - 4.0 * d.sq() - 5.0 * e,
            282.0 - 7.0 * a - 3.0 * b - 10.0 * c.sq() - d + e,
            196.0 - 23.0 * a - b.sq() - 6.0 * f.sq() + 8.0 * g,
            3.0 * (a * b) - 4.0 * a.sq() - b.sq() - 2.0 * c.sq() - 5.0 * f + 11.0 * g,
        ]
    })
}

fn hs110() -> Formulas<10> {
    Formulas::new("hs110", [9.0; 10], Some(-45.778_469_71), |x| {
        let logs = x.iter().map(|x| (x - 2.0).ln().sq() + (10.0 - x).ln().sq()).reduce(|a, b| a + b);
        let logarithm = x.iter().map(Var::ln).reduce(|a, b| a + b);
        let (logs, logarithm) = (logs.expect("ten terms"), logarithm.expect("ten terms"));
        logs - (0.2 * logarithm).exp()
    })
    .lower([2.001; 10])
    .upper([9.999; 10])
}

fn hs113() -> Formulas<10> {
    Formulas::new(
        "hs113",
        [2.0, 3.0, 5.0, 5.0, 1.0, 2.0, 7.0, 3.0, 6.0, 10.0],
        Some(24.306_209_1),
        |[a, b, c, d, e, f, g, h, i, j]| {
            a.sq() + b.sq() + a * b - 14.0 * a - 16.0 * b
                + (c - 10.0).sq()
                + 4.0 * (d - 5.0).sq()
                + (e - 3.0).sq()
                + 2.0 * (f - 1.0).sq()
                + 5.0 * g.sq()
                + 7.0 * (h - 11.0).sq()
                + 2.0 * (i - 10.0).sq()
                + (j - 7.0).sq()
                + 45.0
        },
    )
    .about("Wong's second")
    .at_least("region", |[a, b, c, d, e, f, g, h, i, j]| {
        vec![
            105.0 - 4.0 * a - 5.0 * b + 3.0 * g - 9.0 * h,
            -10.0 * a + 8.0 * b + 17.0 * g - 2.0 * h,
            8.0 * a - 2.0 * b - 5.0 * i + 2.0 * j + 12.0,
            120.0 - 3.0 * (a - 2.0).sq() - 4.0 * (b - 3.0).sq() - 2.0 * c.sq() + 7.0 * d,
            40.0 - 5.0 * a.sq() - 8.0 * b - (c - 6.0).sq() + 2.0 * d,
            30.0 - 0.5 * (a - 8.0).sq() - 2.0 * (b - 4.0).sq() - 3.0 * e.sq() + f,
            2.0 * (a * b) - a.sq() - 2.0 * (b - 2.0).sq() - 14.0 * e + 6.0 * f,
            3.0 * a - 6.0 * b - 12.0 * (i - 8.0).sq() + 7.0 * j,
        ]
    })
    .convex()
}
