//! The interior-point method on the collection of Hock and Schittkowski, and on sparse problems.

use kiln_optim::{
    constrained::{ConstrainedStop, InteriorPoint},
    problems::constrained,
};

use super::solve;

#[test]
fn table() {
    let stop = ConstrainedStop { max_iter: 500, check_minimum: false, ..ConstrainedStop::default() };
    let (mut all, mut its) = (0, 0);
    for problem in constrained().iter() {
        let solution = solve(problem, &InteriorPoint::default(), &stop);
        let o = &solution.outcome;
        let minimum = problem.minimum.unwrap_or(f64::NAN);
        let ok = (o.value - minimum).abs() <= 1e-6 * minimum.abs().max(1.0);
        its += o.iterations;
        all += usize::from(ok && o.success);
        println!("{} {:?} it {} ev {} value {} min {} {} res {:.1e} {:?}", problem.name, o.status, o.iterations, o.evaluations.values, o.value, minimum, if ok { "ok" } else { "OTHER" }, solution.residuals.largest(), solution.residuals);
    }
    println!("{all} in {its}");
}
