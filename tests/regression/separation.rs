//! Data that some plane divides, and rows that do not count.

use super::*;

/// A fit without penalty until its gradient is small.
fn separation_of(inputs: &[f64], features: usize, targets: &[usize], classes: usize) -> Option<Separation> {
    let loss = loss_of(inputs, features, targets, classes).rescaled();
    let outcome = minimize(&loss, loss.start(), &newton(), &Stop { gtol: 1e-9, max_iter: 100, ..TIGHT }).unwrap();
    let found = loss.separation(&outcome.x);
    if let Some(found) = &found {
        // As anybody can check it: along the direction no log-odds against another class fall, and some rise.
        let k = found.intercepts.len();
        let z = |row: &[f64], c: usize| {
            let along: f64 = row.iter().enumerate().map(|(f, x)| x * found.weights[f * k + c]).sum();
            along + found.intercepts[c]
        };
        let mut margins = Vec::new();
        for (row, &y) in inputs.chunks(features).zip(targets) {
            match k {
                1 => margins.push(vec![if y == 1 { z(row, 0) } else { -z(row, 0) }]),
                _ => margins.push((0..k).filter(|c| *c != y).map(|c| z(row, y) - z(row, c)).collect()),
            }
        }
        assert!(margins.iter().flatten().all(|m| *m > -1e-7), "{margins:?}");
        assert!(margins.iter().flatten().any(|m| *m > 1e-4), "{margins:?}");
        let least = |row: &Vec<f64>| row.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = |row: &Vec<f64>| row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert_eq!(margins.iter().filter(|row| largest(row) < 1e-7).count(), found.on_the_plane);
        assert_eq!(found.complete, margins.iter().all(|row| least(row) > 1e-7));
        let rows = targets.len();
        let sides = Sides {
            right: rows - found.on_the_plane,
            on_the_plane: found.on_the_plane,
            wrong: 0,
            complete: found.complete,
            separates: true,
        };
        assert_eq!(found.sides(inputs, targets).unwrap(), sides);
    }
    found
}

#[test]
fn separations_are_found_and_proved() {
    let data = cancer();
    let found = separation_of(data.inputs(), 30, data.targets(), 2).expect("30 columns separate the 569 rows");
    assert!(found.complete);

    // Two classes on a line that touch at 2, on both sides of it.
    let (x, y) = ([0.0, 1.0, 2.0, 2.0, 3.0, 5.0], [0, 0, 0, 1, 1, 1]);
    let found = separation_of(&x, 1, &y, 2).expect("x ≥ 2 is all but class 1");
    assert_eq!((found.complete, found.on_the_plane), (false, 2));
    assert!((found.intercepts[0] / found.weights[0] + 2.0).abs() < 1e-9, "{found:?}");

    // An indicator that only class 1 has, beside a column in which the classes overlap.
    let rows = 40usize;
    let y: Vec<usize> = (0..rows).map(|i| i % 2).collect();
    let x: Vec<f64> = (0..rows)
        .flat_map(|i| [((i * 7) % 11) as f64 + 0.3 * y[i] as f64, f64::from(u8::from(y[i] == 1 && i % 3 == 0))])
        .collect();
    let found = separation_of(&x, 2, &y, 2).expect("the indicator says 1");
    let with = (0..rows).filter(|i| i % 2 == 1 && i % 3 == 0).count();
    assert_eq!((found.complete, found.on_the_plane), (false, rows - with));
    assert!(found.weights[0].abs() < 1e-9 && found.weights[1] > 0.5, "{found:?}");

    // Overlapping classes, also where two columns are the same and one is constant.
    let x: Vec<f64> = (0..rows).flat_map(|i| [((i * 7) % 11) as f64, ((i * 7) % 11) as f64, 1e8]).collect();
    assert_eq!(separation_of(&x, 3, &y, 2), None);
    let columns = columns(&data, &[0, 1, 4]);
    assert_eq!(separation_of(&columns, 3, data.targets(), 2), None);
}

/// One row so large that beside it the others are rounding: they overlap all the same.
#[test]
fn an_outlier_separates_nothing() {
    let found = Separation { weights: vec![1.0], intercepts: vec![0.0], complete: false, on_the_plane: 0 };
    let sides = found.sides(&[1e10, 1.0, 2.0, 3.0, 4.0], &[1, 1, 0, 1, 0]).unwrap();
    assert_eq!((sides.right, sides.wrong, sides.separates), (3, 2, false));
    let rows = 40usize;
    let y: Vec<usize> = (0..rows).map(|i| usize::from((i * 7) % 11 + (i % 3) > 5)).collect();
    let x: Vec<f64> = (0..rows).map(|i| if i == 7 { 1e10 } else { ((i * 7) % 11) as f64 }).collect();
    assert_eq!(separation_of(&x, 1, &y, 2), None);
    // Columns of very different size, which are separated.
    let x: Vec<f64> =
        (0..rows).flat_map(|i| [1e-2 * ((i * 3) % 13) as f64, 1e7 * (y[i] * 5 + (i * 5) % 4) as f64]).collect();
    assert!(separation_of(&x, 2, &y, 2).expect("the second column decides").complete);
}

/// A direction along which nothing changes proves nothing: with an indicator of each group and an intercept, all of them together
/// less the intercept. Rounding leaves margins of 1e-16, and an inexact direction 1e-9.
#[test]
fn a_direction_without_a_strict_margin_is_no_separation() {
    let rows = 30usize;
    let x: Vec<f64> = (0..rows).flat_map(|i| (0..3).map(move |g| f64::from(u8::from(i % 3 == g)))).collect();
    let y: Vec<usize> = (0..rows).map(|i| i * 7 % 11 % 2).collect();
    for error in [0.0, 1e-16, 3e-9, 1e-7] {
        let found = Separation {
            weights: vec![1.0, 1.0 + error, 1.0],
            intercepts: vec![-1.0],
            complete: false,
            on_the_plane: rows,
        };
        assert!(!found.sides(&x, &y).unwrap().separates, "{error:e}");
    }
    let targets: Vec<usize> = (0..rows).map(|i| usize::from(i % 3 == 1)).collect();
    let found = Separation { weights: vec![0.0, 1.0, 0.0], intercepts: vec![0.0], complete: false, on_the_plane: 20 };
    let sides = found.sides(&x, &targets).unwrap();
    assert_eq!((sides.separates, sides.right, sides.on_the_plane), (true, 10, 20));
}

/// Small integers, where many rows lie on the plane x₀ + x₁ = 2·x₂, the same row among them in both classes.
#[test]
fn a_plane_through_many_rows_is_found() {
    #[rustfmt::skip]
    let x = [
        0., 0., 0., -1., 1., -1., -1., 1., 0., 2., -1., 1., -1., -2., 1., -2., 2., 1., -1., -2., -2., 1., 0., 1., 2., 2., 2., -1., 0., 0., 2., 2., -2., 2., 1., 1., 2., 0., 1., 0., 0., 0., 1., 0., -1., 0., 1., 1., 0., 0., 2., 1., -1., -2., 0., 2., -2., -2., 1., 1., -1., -1., -1., 0., 1., 2., 1., 1., 2., 2., 2., 2., -1., 0., 2., 0., 2., 0., 1., 2., 1., 1., 1., -1., -1., -1., 0., 1., -2., -1.
    ];
    let y = [0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1, 1, 1, 0, 1];
    let found = separation_of(&x, 3, &y, 2).expect("HiGHS finds 23 rows that can become more likely");
    assert_eq!((found.complete, found.on_the_plane), (false, 7));
}

#[test]
fn a_separation_of_other_data_is_refused() {
    let found = |weights: &[f64], intercepts: &[f64]| Separation {
        weights: weights.to_vec(),
        intercepts: intercepts.to_vec(),
        complete: false,
        on_the_plane: 0,
    };
    for (separation, inputs, targets) in [
        (found(&[1.0], &[]), vec![1.0], vec![0]),
        (found(&[1.0], &[0.0]), vec![1.0, 2.0], vec![0]),
        (found(&[1.0], &[0.0]), vec![1.0], vec![2]),
        (found(&[1.0, 2.0, 3.0], &[0.0, 0.0]), vec![1.0], vec![0]),
    ] {
        assert!(separation.sides(&inputs, &targets).is_err(), "{separation:?}");
    }
    let sides = found(&[1.0], &[0.0]).sides(&[f64::NAN, 1.0], &[0, 1]).unwrap();
    assert_eq!((sides.wrong, sides.separates), (1, false), "what is not a number is on no side");
    assert!(!found(&[1.0], &[0.0]).sides(&[], &[]).unwrap().separates);
}

/// Whatever is in a row of weight 0; twice the scaling; penalties and weights that are none.
#[test]
fn rows_of_no_weight_and_numbers_that_are_no_option() {
    let (x, y) = ([0.0, 1.0, 2.0, 3.0, 4.0, 1.5, 1e20, f64::NAN], [0, 0, 1, 0, 1, 1, 1, 0]);
    let weights = [1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0];
    let fit = |loss: &RegressionLoss| {
        let outcome = minimize(loss, loss.start(), &newton(), &Stop { gtol: 1e-12, ..TIGHT }).unwrap();
        assert!(outcome.success, "{}", outcome.message);
        values(loss.parameters(&outcome.x))
    };
    let all = loss_of(&x, 1, &y, 2).weights(&weights).unwrap();
    let some = loss_of(&x[..6], 1, &y[..6], 2).weights(&weights[..6]).unwrap();
    let expected = fit(&some);
    assert_close(&fit(&all.clone().rescaled()), &expected, 1e-9, 0.0, "rescaled");
    assert_close(&fit(&all.clone().rescaled().rescaled()), &expected, 1e-9, 0.0, "rescaled twice");
    assert_close(&fit(&all), &expected, 1e-9, 0.0, "as it is");

    assert!(matches!(all.clone().l2(-0.1), Err(RegressionDataError::Penalty(_))));
    assert!(matches!(all.clone().l2(f64::NAN), Err(RegressionDataError::Penalty(_))));
    assert!(matches!(all.clone().weights(&[f64::MAX; 8]), Err(RegressionDataError::Weights)));
    let short = all.start().slice(0..1);
    assert!(all.value_and_grad(&short).is_err() && all.value(&short).is_err() && all.hessian(&short).is_err());
    assert!(all.hvp(&all.start(), &short).is_err());
}

#[test]
fn separations_of_more_classes_are_found_and_proved() {
    // Three groups in a plane, each in a corner of its own.
    let rows = 30usize;
    let y: Vec<usize> = (0..rows).map(|i| i % 3).collect();
    let corner = [[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]];
    let at = |i: usize, f: usize| corner[y[i]][f] + ((i * (5 + f)) % 7) as f64 * 0.5;
    let x: Vec<f64> = (0..rows).flat_map(|i| [at(i, 0), at(i, 1)]).collect();
    assert!(separation_of(&x, 2, &y, 3).expect("corners are apart").complete);

    // The last group is apart, the other two overlap: no row is on all its planes, but the separation is not complete.
    let x: Vec<f64> =
        (0..rows).flat_map(|i| [((i * 7) % 11) as f64, if y[i] == 2 { 20.0 } else { ((i * 3) % 5) as f64 }]).collect();
    let found = separation_of(&x, 2, &y, 3).expect("the last is apart");
    assert_eq!((found.complete, found.on_the_plane), (false, 0));
    assert_eq!(found.separated_pairs(&x, &y).unwrap(), [(0, 2), (1, 2)]);

    // All overlap.
    let x: Vec<f64> = (0..rows).flat_map(|i| [((i * 7) % 11) as f64, ((i * 3) % 5) as f64]).collect();
    assert_eq!(separation_of(&x, 2, &y, 3), None);

    // Ten digits by 64 pixels.
    let images = digits();
    let (targets, all): (_, Vec<usize>) = (images.targets(), (0..300).collect());
    let inputs = values(images.pixels(&all, &f64_device()));
    let loss = loss_of(&inputs, 64, &targets[..300], 10).rescaled();
    let outcome = minimize(&loss, loss.start(), &lbfgs(), &Stop { gtol: 1e-4, max_iter: 500, ..TIGHT }).unwrap();
    let found = loss.separation(&outcome.x).expect("300 digits are separated");
    assert!(found.complete && found.sides(&inputs, &targets[..300]).unwrap().separates);
}

/// Differences of a thousandth beside values of 2000: the terms of a margin are a million times its size. The verdicts are those of a
/// linear programme (SciPy's HiGHS): some pairs of classes are separable, with rows on the planes.
#[test]
fn small_differences_beside_large_values_are_seen() {
    let first = [2000.001, 2000.001, 2000.0, 1999.999, 1999.997, 2000.0, 2000.002];
    let second = [
        2000.001, 2000.001, 2000.001, 1999.999, 2000.0, 1999.998, 2000.001, 2000.0, 1999.999, 2000.001, 2000.0,
        2000.001, 2000.0, 1999.999, 1999.996, 2000.0, 2000.0, 1999.999, 1999.999, 2000.0, 2000.001, 2000.0, 2000.0,
        2000.002, 1999.998, 2000.0, 2000.0, 1999.999, 1999.999, 2000.002, 1999.999, 2000.0, 2000.0, 2000.002, 2000.002,
        1999.999, 2000.001,
    ];
    let classes =
        [2, 2, 2, 1, 3, 0, 3, 2, 0, 3, 3, 2, 2, 1, 0, 0, 2, 1, 0, 1, 3, 1, 2, 3, 0, 1, 1, 1, 1, 2, 0, 2, 3, 2, 2, 0, 2];
    for (inputs, targets, classes) in [(&first[..], &[2, 2, 0, 0, 0, 1, 1][..], 3), (&second, &classes, 4)] {
        let loss = loss_of(inputs, 1, targets, classes).rescaled();
        let outcome = minimize(&loss, loss.start(), &newton(), &Stop { gtol: 1e-9, max_iter: 100, ..TIGHT }).unwrap();
        let found = loss.separation(&outcome.x).expect("some classes are separable");
        assert!(found.sides(inputs, targets).unwrap().separates && !found.complete);
        // By hand, in differences to 2000, which are exact to a hundred millionth of their size: none falls, some rise.
        let score =
            |x: f64, c: usize| found.weights[c] * (x - 2000.0) + found.weights[c].mul_add(2000.0, found.intercepts[c]);
        let margins: Vec<f64> = inputs
            .iter()
            .zip(targets)
            .flat_map(|(x, y)| (0..classes).map(move |c| (*x, *y, c)))
            .map(|(x, y, c)| score(x, y) - score(x, c))
            .collect();
        let most = margins.iter().copied().fold(0.0, f64::max);
        assert!(most > 0.0 && margins.iter().all(|margin| *margin > -1e-6 * most), "{margins:?}");
    }
}
