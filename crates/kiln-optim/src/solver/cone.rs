//! The curvature of a quadratic form along a cone.

use kiln_tensor::linalg::{Matrix, Symmetric};

use crate::norms::dot;

/// Number of one-sided constraints up to which all of their combinations are looked at.
const COMBINATIONS: usize = 12;

/// What the curvature dᵀ·H·d along the directions d of a cone says of a stationary point.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Curvature {
    /// It is above 0 along every direction: the point is a strict local minimum.
    Positive,
    /// It is below 0 along this direction of length 1, so the point is no minimum.
    Negative { direction: Vec<f64>, value: f64 },
    /// It is 0 along some direction, up to rounding, or not known along some of a large cone.
    Undecided,
}

/// The curvature of H along {d : B·d ≤ 0}. Numbers within `floor` count as 0.
pub(crate) fn along(hessian: &Symmetric, sides: &Matrix, floor: f64) -> Curvature {
    let Some(eigen) = hessian.eigen() else { return Curvature::Undecided };
    match eigen.values.first() {
        None => return Curvature::Positive,
        Some(smallest) if *smallest > floor => return Curvature::Positive,
        Some(_) => {}
    }
    if sides.rows() == 0 {
        return match eigen.values[0] < -floor {
            true => Curvature::Negative { direction: eigen.vector(0), value: eigen.values[0] },
            false => Curvature::Undecided,
        };
    }
    let is_independent =
        sides.rows() <= sides.columns() && sides.svd().is_some_and(|svd| svd.rank(1e-10) == sides.rows());
    if is_independent && sides.rows() <= COMBINATIONS {
        return copositive(hessian, sides, floor);
    }
    on_faces(hessian, sides, floor)
}

/// With d = N·w − B⁺·s for s ≥ 0, the form is M(w, s), and it is positive on the cone if its Schur complement of s is copositive.
fn copositive(hessian: &Symmetric, sides: &Matrix, floor: f64) -> Curvature {
    let Some(svd) = sides.svd() else { return Curvature::Undecided };
    let (free, k) = (svd.null_space(1e-10), sides.rows());
    let unit = |i: usize| -> Vec<f64> { (0..k).map(|j| if i == j { -1.0 } else { 0.0 }).collect() };
    let inward: Vec<Vec<f64>> = (0..k).map(|i| svd.solve(&unit(i), 1e-10)).collect();
    let into = Matrix::from_fn(sides.columns(), k, |i, j| inward[j][i]);
    let (ww, ss) = (hessian.restricted(&free), hessian.restricted(&into));
    // H·B⁺ in the coordinates of w, [w, k].
    let cross: Vec<Vec<f64>> = inward.iter().map(|s| free.transpose_multiply(&hessian.multiply(s))).collect();
    let Some(eigen) = ww.eigen() else { return Curvature::Undecided };
    let mut is_singular = false;
    // Hww⁺ in terms of its eigenvectors.
    let mut inverse: Vec<(f64, Vec<f64>)> = Vec::new();
    for (index, value) in eigen.values.iter().enumerate() {
        let vector = eigen.vector(index);
        if *value < -floor {
            return negative(hessian, sides, floor, free.multiply(&vector));
        }
        if *value > floor {
            inverse.push((*value, vector));
            continue;
        }
        is_singular = true;
        for (j, column) in cross.iter().enumerate() {
            let slope = dot(column, &vector);
            if slope.abs() > floor {
                // Far along the flat direction the cross term wins over Hss.
                let far = -slope.signum() * (ss.at(j, j).abs() / slope.abs() + 1.0);
                let direction = combined(&free.multiply(&vector), far, &inward[j]);
                return negative(hessian, sides, floor, direction);
            }
        }
    }
    let solved = |column: &[f64]| -> Vec<f64> {
        let mut w = vec![0.0; column.len()];
        for (value, vector) in &inverse {
            let factor = dot(vector, column) / value;
            w.iter_mut().zip(vector).for_each(|(w, v)| *w += factor * v);
        }
        w
    };
    let back: Vec<Vec<f64>> = cross.iter().map(|column| solved(column)).collect();
    let schur = Symmetric::from_fn(k, |i, j| ss.at(i, j) - dot(&cross[i], &back[j]));
    // A symmetric matrix is copositive if no principal part has an eigenvector above 0 with an eigenvalue below 0 (Kaplan, 2000).
    for chosen in 1..(1_usize << k) {
        let part: Vec<usize> = (0..k).filter(|i| chosen >> i & 1 == 1).collect();
        let Some(eigen) = Symmetric::from_fn(part.len(), |i, j| schur.at(part[i], part[j])).eigen() else {
            return Curvature::Undecided;
        };
        for (index, value) in eigen.values.iter().enumerate().filter(|(_, value)| **value <= floor) {
            let vector = eigen.vector(index);
            let sign = if vector.iter().sum::<f64>() < 0.0 { -1.0 } else { 1.0 };
            if vector.iter().any(|entry| sign * entry < -1e-10) {
                continue;
            }
            if *value >= -floor {
                is_singular = true;
                continue;
            }
            let mut direction = vec![0.0; sides.columns()];
            for (place, &i) in part.iter().enumerate() {
                let s = (sign * vector[place]).max(0.0);
                let w = free.multiply(&back[i]);
                direction.iter_mut().zip(inward[i].iter().zip(w)).for_each(|(d, (into, w))| *d += s * (into - w));
            }
            return negative(hessian, sides, floor, direction);
        }
    }
    if is_singular { Curvature::Undecided } else { Curvature::Positive }
}

/// Looks for a direction of negative curvature in the faces of the cone. One that is found is one; more may be.
fn on_faces(hessian: &Symmetric, sides: &Matrix, floor: f64) -> Curvature {
    let k = sides.rows();
    let faces: Vec<Vec<usize>> = if k <= COMBINATIONS {
        (0..1_usize << k).map(|chosen| (0..k).filter(|i| chosen >> i & 1 == 1).collect()).collect()
    } else {
        let single = (0..k).map(|i| vec![i]);
        [Vec::new(), (0..k).collect()].into_iter().chain(single).collect()
    };
    for face in faces {
        let basis = match face.is_empty() {
            true => Matrix::from_fn(sides.columns(), sides.columns(), |i, j| if i == j { 1.0 } else { 0.0 }),
            false => {
                let rows = Matrix::from_fn(face.len(), sides.columns(), |i, j| sides.at(face[i], j));
                let Some(svd) = rows.svd() else { return Curvature::Undecided };
                svd.null_space(1e-10)
            }
        };
        let Some(eigen) = hessian.restricted(&basis).eigen() else { return Curvature::Undecided };
        for index in (0..eigen.values.len()).take_while(|index| eigen.values[*index] < -floor) {
            for sign in [1.0, -1.0] {
                let direction = basis.multiply(&eigen.vector(index).iter().map(|v| sign * v).collect::<Vec<_>>());
                if let found @ Curvature::Negative { .. } = negative(hessian, sides, floor, direction) {
                    return found;
                }
            }
        }
    }
    Curvature::Undecided
}

/// The verdict for a direction, once it is checked.
fn negative(hessian: &Symmetric, sides: &Matrix, floor: f64, direction: Vec<f64>) -> Curvature {
    let length = dot(&direction, &direction).sqrt();
    let direction: Vec<f64> = direction.iter().map(|d| d / length).collect();
    let value = dot(&direction, &hessian.multiply(&direction));
    let is_inside = (0..sides.rows()).all(|i| {
        let row = sides.row(i);
        dot(&row, &direction) <= 1e-9 * dot(&row, &row).sqrt()
    });
    if value < -floor && is_inside { Curvature::Negative { direction, value } } else { Curvature::Undecided }
}

fn combined(a: &[f64], factor: f64, b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| factor * a + b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict<const N: usize>(hessian: [[f64; N]; N], sides: &[[f64; N]]) -> Curvature {
        let hessian = Symmetric::from_fn(N, |i, j| hessian[i][j]);
        along(&hessian, &Matrix::from_fn(sides.len(), N, |i, j| sides[i][j]), 1e-10)
    }

    fn is_negative<const N: usize>(hessian: [[f64; N]; N], sides: &[[f64; N]]) -> bool {
        matches!(verdict(hessian, sides), Curvature::Negative { .. })
    }

    #[test]
    fn without_sides_eigenvalues_decide() {
        assert_eq!(verdict([[2.0, 1.0], [1.0, 2.0]], &[]), Curvature::Positive);
        assert_eq!(verdict([[1.0, 1.0], [1.0, 1.0]], &[]), Curvature::Undecided);
        assert!(is_negative([[1.0, 2.0], [2.0, 1.0]], &[]));
        assert_eq!(along(&Symmetric::identity(0), &Matrix::from_fn(0, 0, |_, _| 0.0), 1e-10), Curvature::Positive);
    }

    /// x·y is above 0 in the first and third quadrants, and 0 on their edges.
    #[test]
    fn a_product_depends_on_the_quadrant() {
        let product = [[0.0, 1.0], [1.0, 0.0]];
        assert_eq!(verdict(product, &[[-1.0, 0.0], [0.0, -1.0]]), Curvature::Undecided);
        assert!(is_negative(product, &[[-1.0, 0.0], [0.0, 1.0]]));
        assert!(is_negative(product, &[[-1.0, 0.0]]));
        // With a little of both squares it is strictly above.
        assert_eq!(verdict([[0.1, 1.0], [1.0, 0.1]], &[[-1.0, 0.0], [0.0, -1.0]]), Curvature::Positive);
        assert!(is_negative([[0.1, -1.0], [-1.0, 0.1]], &[[-1.0, 0.0], [0.0, -1.0]]));
    }

    #[test]
    fn one_side_of_a_direction_is_enough() {
        // −y² for y ≥ 0.
        assert!(is_negative([[1.0, 0.0], [0.0, -1.0]], &[[0.0, -1.0]]));
        // A flat direction and a slope across it.
        assert!(is_negative([[0.0, 1.0], [1.0, 5.0]], &[[0.0, -1.0]]));
        // Free, and bent enough: x² − 2·x·y + 2·y² = (x − y)² + y².
        assert_eq!(verdict([[1.0, -1.0], [-1.0, 2.0]], &[[0.0, -1.0]]), Curvature::Positive);
        // (x − y)² − y²/2, along x = y.
        assert!(is_negative([[1.0, -1.0], [-1.0, 0.5]], &[[0.0, -1.0]]));
    }

    /// Hall and Newman's example, x₁² + … with mixed signs: Horn's matrix is copositive and not a sum of a positive semidefinite and a
    /// nonnegative matrix.
    #[test]
    fn horns_matrix_is_copositive() {
        let horn = |i: usize, j: usize| {
            let apart = (i as i32 - j as i32).rem_euclid(5);
            if apart == 1 || apart == 4 { -1.0 } else { 1.0 }
        };
        let sides = Matrix::from_fn(5, 5, |i, j| if i == j { -1.0 } else { 0.0 });
        assert_eq!(along(&Symmetric::from_fn(5, horn), &sides, 1e-10), Curvature::Undecided);
        let lower = Symmetric::from_fn(5, |i, j| horn(i, j) - if i == j { 0.01 } else { 0.0 });
        assert!(matches!(along(&lower, &sides, 1e-10), Curvature::Negative { .. }));
        let higher = Symmetric::from_fn(5, |i, j| horn(i, j) + if i == j { 0.01 } else { 0.0 });
        assert_eq!(along(&higher, &sides, 1e-10), Curvature::Positive);
    }

    #[test]
    fn sides_may_depend_on_each_other() {
        // The same side twice.
        assert!(is_negative([[1.0, 0.0], [0.0, -1.0]], &[[0.0, -1.0], [0.0, -2.0]]));
        // Two sides that leave only y = 0.
        assert_eq!(verdict([[1.0, 0.0], [0.0, -1.0]], &[[0.0, -1.0], [0.0, 1.0]]), Curvature::Undecided);
    }
}
