//! `kiln fit-curve`: fits the parameters of a curve to the columns of a table.

mod data;
mod flags;
mod report;

use kiln::{
    burn::tensor::{Tensor, TensorData},
    optim::least_squares::{Curve, CurveFit, LeastSquares, curve_fit},
};

pub(crate) use self::flags::FitCurveFlags;
use self::{
    data::{Rows, Task},
    report::{Report, panel},
};
use crate::{
    base::{Console, Exit, Failure, OutputFolder, Result, require},
    context::Compute,
    names::Dtype,
    settings::{RunSettings, ending},
};

const JSON: &str = "result.json";
const TABLE: &str = "coef.csv";
const FITTED: &str = "fitted.csv";
const PICTURE: &str = "curve.png";

/// The parameters, and a column of numbers for each name of the table that the curve uses.
type Data = Vec<Tensor<1>>;

pub(crate) fn fit_curve(flags: &FitCurveFlags, console: Console) -> Result<Exit> {
    require(flags.level > 0.0 && flags.level < 1.0, "level", "between 0 and 1", flags.level)?;
    require(
        flags.loss_scale > 0.0 && flags.loss_scale.is_finite(),
        "loss-scale",
        "finite and above 0",
        flags.loss_scale,
    )?;
    let out = flags.out.as_ref().map(|out| OutputFolder::new(out, &[JSON, TABLE, FITTED, PICTURE], flags.force));
    let out = out.transpose()?;
    let task = Task::new(flags)?;
    let rows = Rows::read(flags, &task)?;
    rows.notes.iter().for_each(|note| console.note(note));
    let run = RunSettings { device: "cpu".to_owned(), ..RunSettings::default() };
    let compute = Compute::start(&run, Dtype::F64)?;
    let tensor =
        |numbers: &[f64]| Tensor::<1>::from_data(TensorData::new(numbers.to_vec(), [numbers.len()]), &compute.device);
    let columns: Data = rows.columns.iter().map(|column| tensor(column)).collect();
    let y = task.response(&rows, &columns, &tensor(&[0.0]))?;
    let start = tensor(&task.start);
    task.check(&start, &columns)?;
    let options = Curve {
        sigma: rows.sigma.clone(),
        absolute_sigma: flags.absolute_sigma,
        fit: LeastSquares {
            loss: flags.loss.loss(),
            loss_scale: flags.loss_scale,
            lower: task.side(&flags.lower, "lower", f64::NEG_INFINITY)?,
            upper: task.side(&flags.upper, "upper", f64::INFINITY)?,
            max_evaluations: flags.max_evaluations,
            ..LeastSquares::default()
        },
    };
    let curve = |p: Tensor<1>, columns: Data| task.curve(&p, &columns).expect("the curve is checked at the start");
    let fit: CurveFit<'_, Data> = curve_fit(curve, columns.clone(), y.clone(), start, &options)?;
    let (status, exit) = ending(fit.fit.outcome.status);
    let report = Report::new(&task, &rows, &fit, status, flags.level);
    if let Some(out) = &out {
        out.write(TABLE, &report.coefficients())?;
        out.write(FITTED, &report::fitted(&fit, columns, &y)?)?;
        let grid = |x: &[f64]| fit.predict(vec![tensor(x)]);
        out.write_report((JSON, &report), (PICTURE, &[panel(&task, &rows, &fit, &y, flags.level, &grid)?]))?;
    }
    console.result(&report, || report.text(out.is_some().then_some(flags.out.as_deref()).flatten()))?;
    match exit {
        Exit::NotConverged | Exit::Diverged => Err(Failure { message: fit.fit.outcome.message.clone(), exit }),
        _ => Ok(exit),
    }
}
