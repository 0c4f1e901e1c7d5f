//! Elementwise functions and products of float tensors.

use burn::backend::{Dispatch, ir::FloatOperationIr as Float, ops::FloatTensorOps};

use super::{super::num::Num, Machine, NoRule, Step};

impl Machine<'_> {
    pub(super) fn float_only(&mut self, op: &Float) -> Step {
        let (out, y) = match op {
            Float::Exp(d) => (&d.out, self.float(&d.input).elementwise(Dispatch::float_exp, |_, y| y.clone())),
            Float::Log(d) => (&d.out, self.float(&d.input).elementwise(Dispatch::float_log, |x, _| x.recip())),
            Float::Log1p(d) => {
                (&d.out, self.float(&d.input).elementwise(Dispatch::float_log1p, |x, _| x.plus(1.0).recip()))
            }
            Float::Erf(d) => (&d.out, self.float(&d.input).erf()),
            Float::PowfScalar(d) => (&d.out, self.float(&d.lhs).powf_scalar(d.rhs.into())),
            Float::Powf(d) => (&d.out, self.float(&d.lhs).powf(self.float(&d.rhs))),
            Float::Sqrt(d) => (&d.out, self.float(&d.input).sqrt()),
            Float::Hypot(d) => (&d.out, self.float(&d.lhs).hypot(self.float(&d.rhs))),
            Float::Recip(d) => {
                let derivative = |_: &Num, y: &Num| y.square().times(-1.0);
                (&d.out, self.float(&d.input).elementwise(Dispatch::float_recip, derivative))
            }
            Float::Sin(d) => {
                let derivative = |x: &Num, _: &Num| x.map(Dispatch::float_cos);
                (&d.out, self.float(&d.input).elementwise(Dispatch::float_sin, derivative))
            }
            Float::Cos(d) => {
                let derivative = |x: &Num, _: &Num| x.map(Dispatch::float_sin).times(-1.0);
                (&d.out, self.float(&d.input).elementwise(Dispatch::float_cos, derivative))
            }
            Float::Tan(d) => {
                (&d.out, self.float(&d.input).elementwise(Dispatch::float_tan, |_, y| y.square().plus(1.0)))
            }
            Float::Sinh(d) => {
                let derivative = |x: &Num, _: &Num| x.map(Dispatch::float_cosh);
                (&d.out, self.float(&d.input).elementwise(Dispatch::float_sinh, derivative))
            }
            Float::Cosh(d) => {
                let derivative = |x: &Num, _: &Num| x.map(Dispatch::float_sinh);
                (&d.out, self.float(&d.input).elementwise(Dispatch::float_cosh, derivative))
            }
            Float::Tanh(d) => {
                let derivative = |_: &Num, y: &Num| y.square().complement();
                (&d.out, self.float(&d.input).elementwise(Dispatch::float_tanh, derivative))
            }
            Float::ArcSin(d) => {
                let derivative = |x: &Num, _: &Num| x.square().complement().sqrt().recip();
                (&d.out, self.float(&d.input).elementwise(Dispatch::float_asin, derivative))
            }
            Float::ArcCos(d) => {
                let derivative = |x: &Num, _: &Num| x.square().complement().sqrt().recip().times(-1.0);
                (&d.out, self.float(&d.input).elementwise(Dispatch::float_acos, derivative))
            }
            Float::ArcTan(d) => {
                let derivative = |x: &Num, _: &Num| x.square().plus(1.0).recip();
                (&d.out, self.float(&d.input).elementwise(Dispatch::float_atan, derivative))
            }
            Float::ArcSinh(d) => {
                let derivative = |x: &Num, _: &Num| x.square().plus(1.0).sqrt().recip();
                (&d.out, self.float(&d.input).elementwise(Dispatch::float_asinh, derivative))
            }
            Float::ArcCosh(d) => {
                let derivative = |x: &Num, _: &Num| x.square().plus(-1.0).sqrt().recip();
                (&d.out, self.float(&d.input).elementwise(Dispatch::float_acosh, derivative))
            }
            Float::ArcTanh(d) => {
                let derivative = |x: &Num, _: &Num| x.square().complement().recip();
                (&d.out, self.float(&d.input).elementwise(Dispatch::float_atanh, derivative))
            }
            Float::ArcTan2(d) => (&d.out, self.float(&d.lhs).atan2(self.float(&d.rhs))),
            Float::Round(d) => (&d.out, self.float(&d.input).flat(Dispatch::float_round)),
            Float::Floor(d) => (&d.out, self.float(&d.input).flat(Dispatch::float_floor)),
            Float::Ceil(d) => (&d.out, self.float(&d.input).flat(Dispatch::float_ceil)),
            Float::Trunc(d) => (&d.out, self.float(&d.input).flat(Dispatch::float_trunc)),
            Float::Matmul(d) => (&d.out, self.float(&d.lhs).bilinear(self.float(&d.rhs), Dispatch::float_matmul)),
            Float::Cross(d) => {
                let product = |x, y| Dispatch::float_cross(x, y, d.dim);
                (&d.out, self.float(&d.lhs).bilinear(self.float(&d.rhs), product))
            }
            Float::IntoInt(d) => {
                let x = self.x(&d.input);
                self.put_other(&d.out, Dispatch::float_into_int(x, d.out.dtype.into()));
                return Ok(());
            }
            Float::IsNan(d) => {
                let x = self.x(&d.input);
                self.put_other(&d.out, Dispatch::float_is_nan(x, d.out.dtype.into()));
                return Ok(());
            }
            Float::IsInf(d) => {
                let x = self.x(&d.input);
                self.put_other(&d.out, Dispatch::float_is_inf(x, d.out.dtype.into()));
                return Ok(());
            }
            Float::GridSample2d(d) => return self.grid_sample(d),
            // Random numbers are passed as data. Quantised tensors have no derivative.
            Float::Random(_) | Float::Quantize(_) | Float::Dequantize(_) => return Err(NoRule),
        };
        self.put_float(out, y);
        Ok(())
    }
}
