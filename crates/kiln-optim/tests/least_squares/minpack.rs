//! The least-squares problems of Moré, Garbow and Hillstrom, beside MINPACK.

use kiln_optim::least_squares::{LeastSquares, SliceResiduals, Step, least_squares};
use kiln_testkit::{numbers, reference};

/// A number with one directional derivative.
#[derive(Clone, Copy)]
struct Dual(f64, f64);

macro_rules! arithmetic {
    ($($name:ident $method:ident |$a:ident, $b:ident| $value:expr;)*) => {$(
        impl std::ops::$name for Dual {
            type Output = Dual;
            fn $method(self, $b: Dual) -> Dual {
                let $a = self;
                $value
            }
        }
        impl std::ops::$name<f64> for Dual {
            type Output = Dual;
            fn $method(self, other: f64) -> Dual {
                std::ops::$name::$method(self, Dual(other, 0.0))
            }
        }
    )*};
}

arithmetic! {
    Add add |a, b| Dual(a.0 + b.0, a.1 + b.1);
    Sub sub |a, b| Dual(a.0 - b.0, a.1 - b.1);
    Mul mul |a, b| Dual(a.0 * b.0, a.0 * b.1 + a.1 * b.0);
    Div div |a, b| Dual(a.0 / b.0, (a.1 - a.0 / b.0 * b.1) / b.0);
}

impl Dual {
    fn exp(self) -> Self {
        Self(self.0.exp(), self.0.exp() * self.1)
    }

    fn sqrt(self) -> Self {
        Self(self.0.sqrt(), 0.5 / self.0.sqrt() * self.1)
    }

    fn atan(self) -> Self {
        Self(self.0.atan(), self.1 / (1.0 + self.0 * self.0))
    }

    fn square(self) -> Self {
        self * self
    }
}

const BARD: [f64; 15] = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39];
const KOWALIK: [[f64; 2]; 11] = [
    [4.0, 0.1957],
    [2.0, 0.1947],
    [1.0, 0.1735],
    [0.5, 0.16],
    [0.25, 0.0844],
    [0.167, 0.0627],
    [0.125, 0.0456],
    [0.1, 0.0342],
    [0.0833, 0.0323],
    [0.0714, 0.0235],
    [0.0625, 0.0246],
];
const MEYER: [f64; 16] = [
    34780.0, 28610.0, 23650.0, 19630.0, 16370.0, 13720.0, 11540.0, 9744.0, 8261.0, 7030.0, 6005.0, 5147.0, 4427.0,
    3820.0, 3307.0, 2872.0,
];
const OSBORNE_1: [f64; 33] = [
    0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718, 0.685, 0.658, 0.628, 0.603,
    0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467, 0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411,
    0.406,
];
const OSBORNE_2: [f64; 65] = [
    1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608, 0.655, 0.616, 0.606,
    0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423,
    0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668,
    0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098,
    0.054,
];

fn residuals(name: &str, x: &[Dual], m: usize) -> Vec<Dual> {
    let n = x.len();
    let zero = Dual(0.0, 0.0);
    let float = |i: usize| i as f64;
    let sum = |terms: &mut dyn Iterator<Item = Dual>| terms.fold(zero, |sum, term| sum + term);
    match name {
        "linear" => {
            let mean = sum(&mut x.iter().copied()) * (2.0 / float(m));
            (0..m).map(|i| if i < n { x[i] - mean - 1.0 } else { zero - mean - 1.0 }).collect()
        }
        "rank_one" => {
            let total = sum(&mut (0..n).map(|j| x[j] * float(j + 1)));
            (0..m).map(|i| total * float(i + 1) - 1.0).collect()
        }
        "rank_one_zeros" => {
            let total = sum(&mut (1..n - 1).map(|j| x[j] * float(j + 1)));
            (0..m).map(|i| if i == 0 || i == m - 1 { Dual(-1.0, 0.0) } else { total * float(i) - 1.0 }).collect()
        }
        "rosenbrock" => vec![(x[1] - x[0].square()) * 10.0, Dual(1.0, 0.0) - x[0]],
        "helical" => {
            let turn = (x[1] / x[0]).atan() / (2.0 * std::f64::consts::PI);
            let turn = if x[0].0 < 0.0 { turn + 0.5 } else { turn };
            let radius = (x[0].square() + x[1].square()).sqrt();
            vec![(x[2] - turn * 10.0) * 10.0, (radius - 1.0) * 10.0, x[2]]
        }
        "powell" => vec![
            x[0] + x[1] * 10.0,
            (x[2] - x[3]) * 5f64.sqrt(),
            (x[1] - x[2] * 2.0).square(),
            (x[0] - x[3]).square() * 10f64.sqrt(),
        ],
        "freudenstein" => {
            let cubic = |a: f64, b: f64, sign: f64| ((x[1] * sign + a) * x[1] - b) * x[1];
            vec![x[0] - 13.0 + cubic(5.0, 2.0, -1.0), x[0] - 29.0 + cubic(1.0, 14.0, 1.0)]
        }
        "bard" => (1..=15)
            .map(|u| {
                let (u, v) = (float(u), float(16 - u));
                Dual(BARD[u as usize - 1], 0.0) - (x[0] + Dual(u, 0.0) / (x[1] * v + x[2] * u.min(v)))
            })
            .collect(),
        "kowalik" => KOWALIK
            .iter()
            .map(|[v, y]| Dual(*y, 0.0) - x[0] * (x[1] * *v + v * v) / (x[2] * *v + v * v + x[3]))
            .collect(),
        "meyer" => (0..16).map(|i| x[0] * (x[1] / (x[2] + 50.0 + 5.0 * float(i))).exp() - MEYER[i]).collect(),
        "watson" => {
            let row = |i: usize| {
                let t = float(i) / 29.0;
                let slope = sum(&mut (1..n).map(|j| x[j] * (float(j) * t.powi(j as i32 - 1))));
                let value = sum(&mut (0..n).map(|j| x[j] * t.powi(j as i32)));
                slope - value.square() - 1.0
            };
            (1..30).map(row).chain([x[0], x[1] - x[0].square() - 1.0]).collect()
        }
        "box" => (1..=10)
            .map(|i| {
                let t = float(i) / 10.0;
                (x[0] * -t).exp() - (x[1] * -t).exp() - x[2] * ((-t).exp() - (-10.0 * t).exp())
            })
            .collect(),
        "jennrich" => (1..=10)
            .map(|i| Dual(2.0 + 2.0 * float(i), 0.0) - (x[0] * float(i)).exp() - (x[1] * float(i)).exp())
            .collect(),
        "brown_dennis" => (1..=20)
            .map(|i| {
                let t = float(i) / 5.0;
                (x[0] + x[1] * t - t.exp()).square() + (x[2] + x[3] * t.sin() - t.cos()).square()
            })
            .collect(),
        "chebyquad" => (1..=m)
            .map(|i| {
                let polynomial = |x: Dual| {
                    let y = x * 2.0 - 1.0;
                    (1..i).fold((Dual(1.0, 0.0), y), |(before, now), _| (now, y * now * 2.0 - before)).1
                };
                let mean = sum(&mut x.iter().map(|x| polynomial(*x))) / float(n);
                if i % 2 == 0 { mean + 1.0 / (float(i * i) - 1.0) } else { mean }
            })
            .collect(),
        "brown_almost_linear" => {
            let total = sum(&mut x.iter().copied());
            let product = x.iter().fold(Dual(1.0, 0.0), |product, x| product * *x);
            (0..n - 1).map(|i| x[i] + total - float(n + 1)).chain([product - 1.0]).collect()
        }
        "osborne_1" => (0..33)
            .map(|i| {
                let t = -10.0 * float(i);
                Dual(OSBORNE_1[i], 0.0) - (x[0] + x[1] * (x[3] * t).exp() + x[2] * (x[4] * t).exp())
            })
            .collect(),
        "osborne_2" => (0..65)
            .map(|i| {
                let t = float(i) / 10.0;
                let bell = |k: usize| x[k] * (zero - x[4 + k] * (x[7 + k] * -1.0 + t).square()).exp();
                Dual(OSBORNE_2[i], 0.0) - (x[0] * (x[4] * -t).exp() + bell(1) + bell(2) + bell(3))
            })
            .collect(),
        other => panic!("no problem {other}"),
    }
}

fn values(name: &str, x: &[f64], m: usize) -> Vec<f64> {
    residuals(name, &x.iter().map(|x| Dual(*x, 0.0)).collect::<Vec<_>>(), m).iter().map(|r| r.0).collect()
}

fn jacobian(name: &str, x: &[f64], m: usize, entries: &mut [f64]) {
    let n = x.len();
    for j in 0..n {
        let along: Vec<Dual> = x.iter().enumerate().map(|(k, x)| Dual(*x, if j == k { 1.0 } else { 0.0 })).collect();
        residuals(name, &along, m).iter().enumerate().for_each(|(i, r)| entries[i * n + j] = r.1);
    }
}

/// With MINPACK's tolerances: the same minimum, with at most 1.2 times the evaluations, and one more for rounding.
#[test]
fn the_minima_and_counts_are_those_of_minpack() {
    kiln_testkit::f64_device();
    let (mut ours, mut theirs, mut worse) = (0, 0, Vec::new());
    for row in reference("minpack")["rows"].as_array().unwrap() {
        let (name, m) = (row["name"].as_str().unwrap(), row["m"].as_u64().unwrap() as usize);
        let start = numbers(&row["start"]);
        let (nfev, norm) = (row["nfev"].as_u64().unwrap() as usize, row["norm"].as_f64().unwrap());
        let problem = SliceResiduals::new(m, |x: &[f64], r: &mut [f64]| r.copy_from_slice(&values(name, x, m)))
            .with_jacobian(|x: &[f64], entries: &mut [f64]| jacobian(name, x, m, entries));
        let tolerance = 1.49012e-8;
        let options = LeastSquares {
            initial_radius: 100.0,
            ftol: tolerance,
            xtol: tolerance,
            gtol: 0.0,
            max_evaluations: Some(5000),
            ..LeastSquares::default()
        };
        let fit = least_squares(&problem, &start, &options).unwrap();
        let (found, count) = ((2.0 * fit.outcome.value).sqrt(), fit.outcome.evaluations.values);
        let what = format!("{name} n {} m {m}: {count} beside {nfev}, norm {found:.8e} beside {norm:.8e}", start.len());
        println!("{what}: {}", fit.outcome.message);
        // MINPACK ends far from a minimum.
        if name == "chebyquad" && start.len() == 8 && norm > 1.0 {
            continue;
        }
        // A tolerance of 1.5e-8 of the sum of squares; residuals that are rounding have any norm.
        assert!(fit.outcome.success && (found <= norm * (1.0 + 1e-6) || found < 1e-12), "{what}");
        ours += count;
        theirs += nfev;
        // A sum of squares of 1e33, whose rounding decides which way the second step goes.
        if name == "brown_almost_linear" && start[0] > 10.0 {
            continue;
        }
        if count as f64 > 1.2 * nfev as f64 + 1.0 {
            worse.push(what);
        }
    }
    println!("{ours} evaluations beside {theirs}");
    assert!(worse.is_empty(), "{worse:#?}");
    assert!(ours as f64 <= 1.05 * theirs as f64, "{ours} evaluations beside {theirs}");
}

/// The dogleg, with the default tolerances, on those of full rank.
#[test]
fn the_dogleg_finds_the_minima() {
    kiln_testkit::f64_device();
    for row in reference("minpack")["rows"].as_array().unwrap() {
        let (name, m) = (row["name"].as_str().unwrap(), row["m"].as_u64().unwrap() as usize);
        let start = numbers(&row["start"]);
        if !matches!(name, "linear" | "rosenbrock" | "bard" | "jennrich" | "box" | "osborne_1" | "osborne_2" | "watson")
            || start.iter().any(|x| x.abs() >= 50.0)
            || (name == "bard" && start[0] > 1.0)
        {
            continue;
        }
        let problem = SliceResiduals::new(m, |x: &[f64], r: &mut [f64]| r.copy_from_slice(&values(name, x, m)))
            .with_jacobian(|x: &[f64], entries: &mut [f64]| jacobian(name, x, m, entries));
        let options = LeastSquares { step: Step::Dogleg, ..LeastSquares::default() };
        let fit = least_squares(&problem, &start, &options).unwrap();
        let (found, norm) = ((2.0 * fit.outcome.value).sqrt(), row["norm"].as_f64().unwrap());
        println!("{name} n {}: {} evaluations, norm {found:.8e}", start.len(), fit.outcome.evaluations.values);
        assert!(
            fit.outcome.success && (found <= norm * (1.0 + 1e-6) || found < 1e-12),
            "{name}: {found} beside {norm}"
        );
    }
}
