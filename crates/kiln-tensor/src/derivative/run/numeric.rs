//! Arithmetic, reductions, sorting and comparisons of float tensors.

use burn::{
    backend::{
        Dispatch,
        ir::{NumericOperationIr as Numeric, PadModeIr, TensorIr},
        ops::{FloatTensorOps, IntTensorOps},
    },
    tensor::{BoolDType, Scalar, ops::PadMode},
};

use super::{
    super::{
        dual::{Dual, number},
        num::{Num, Raw},
    },
    Machine, NoRule, Step,
};

impl Machine<'_> {
    pub(super) fn numeric_float(&mut self, op: &Numeric) -> Step {
        let (out, y) = match op {
            Numeric::Add(d) => (&d.out, self.float(&d.lhs).add(self.float(&d.rhs))),
            Numeric::Sub(d) => (&d.out, self.float(&d.lhs).sub(self.float(&d.rhs))),
            Numeric::Mul(d) => (&d.out, self.float(&d.lhs).mul(self.float(&d.rhs))),
            Numeric::Div(d) => (&d.out, self.float(&d.lhs).div(self.float(&d.rhs))),
            Numeric::AddScalar(d) => {
                let x = self.float(&d.lhs);
                (&d.out, Dual { x: x.x.map(|x| Dispatch::float_add_scalar(x, d.rhs.into())), dx: x.dx })
            }
            Numeric::SubScalar(d) => {
                let x = self.float(&d.lhs);
                (&d.out, Dual { x: x.x.map(|x| Dispatch::float_sub_scalar(x, d.rhs.into())), dx: x.dx })
            }
            Numeric::RemScalar(d) => {
                let x = self.float(&d.lhs);
                (&d.out, Dual { x: x.x.map(|x| Dispatch::float_remainder_scalar(x, d.rhs.into())), dx: x.dx })
            }
            Numeric::MulScalar(d) => {
                return self.linear(&d.lhs, &d.out, |x| Dispatch::float_mul_scalar(x, d.rhs.into()));
            }
            Numeric::DivScalar(d) => {
                // Burn's backward pass of a division by a number rounds its reciprocal to f32.
                let factor = number(d.rhs.into()).recip();
                return self.linear(&d.lhs, &d.out, |x| Dispatch::float_mul_scalar(x, factor.into()));
            }
            Numeric::Neg(d) => return self.linear(&d.input, &d.out, Dispatch::float_neg),
            Numeric::Abs(d) => (&d.out, self.float(&d.input).elementwise(Dispatch::float_abs, |x, _| x.sign())),
            Numeric::Sign(d) => (&d.out, self.float(&d.input).flat(Dispatch::float_sign)),
            Numeric::Full(d) => {
                let (shape, value) = (d.out.shape.clone(), d.value.into());
                let full = Dispatch::float_full(shape, value, self.device, d.out.dtype.into());
                (&d.out, Dual::constant(Num(full)))
            }
            Numeric::Sum(d) => return self.linear(&d.input, &d.out, Dispatch::float_sum),
            Numeric::Mean(d) => return self.linear(&d.input, &d.out, Dispatch::float_mean),
            Numeric::SumDim(d) => return self.linear(&d.input, &d.out, |x| Dispatch::float_sum_dim(x, d.axis)),
            Numeric::MeanDim(d) => return self.linear(&d.input, &d.out, |x| Dispatch::float_mean_dim(x, d.axis)),
            Numeric::SumDims(d) => return self.linear(&d.input, &d.out, |x| Dispatch::float_sum_dims(x, &d.axes)),
            Numeric::CumSum(d) => return self.linear(&d.input, &d.out, |x| Dispatch::float_cumsum(x, d.axis)),
            Numeric::Pad(d) => {
                let x = self.float(&d.input);
                let (mode, zero) = (d.mode.into(), padding_of_derivative(&d.mode));
                let dx = x.dx.map(|dx| dx.map(|dx| Dispatch::float_pad(dx, &d.padding, zero)));
                (&d.out, Dual { x: x.x.map(|x| Dispatch::float_pad(x, &d.padding, mode)), dx })
            }
            Numeric::Max(d) => (&d.out, of_all(self.float(&d.input), true)),
            Numeric::Min(d) => (&d.out, of_all(self.float(&d.input), false)),
            Numeric::MaxAbs(d) => {
                let x = self.float(&d.input).elementwise(Dispatch::float_abs, |x, _| x.sign());
                (&d.out, of_all(x, true))
            }
            Numeric::MaxDim(d) => (&d.out, self.float(&d.input).extreme(d.axis, true)),
            Numeric::MinDim(d) => (&d.out, self.float(&d.input).extreme(d.axis, false)),
            Numeric::MaxDimWithIndices(d) => {
                let x = self.float(&d.tensor);
                let places = Dispatch::float_argmax(x.x.0.clone(), d.dim, d.out_indices.dtype.into());
                let y = x.gather(d.dim, &places);
                self.put_other(&d.out_indices, places);
                (&d.out, y)
            }
            Numeric::MinDimWithIndices(d) => {
                let x = self.float(&d.tensor);
                let places = Dispatch::float_argmin(x.x.0.clone(), d.dim, d.out_indices.dtype.into());
                let y = x.gather(d.dim, &places);
                self.put_other(&d.out_indices, places);
                (&d.out, y)
            }
            Numeric::Sort(d) => {
                let x = self.float(&d.input);
                let places = x.x.argsort(d.dim, d.descending);
                (&d.out, x.gather(d.dim, &places))
            }
            Numeric::SortWithIndices(d) => {
                let x = self.float(&d.input);
                let dtype = d.out_indices.dtype.into();
                let places = Dispatch::float_argsort(x.x.0.clone(), d.dim, d.descending, dtype);
                let y = x.gather(d.dim, &places);
                self.put_other(&d.out_indices, places);
                (&d.out, y)
            }
            Numeric::Clamp(d) => (&d.out, self.float(&d.tensor).clamp(d.min.into(), d.max.into())),
            Numeric::ClampMin(d) => (&d.out, self.float(&d.lhs).clamp_min(d.rhs.into())),
            Numeric::ClampMax(d) => (&d.out, self.float(&d.lhs).clamp_max(d.rhs.into())),
            Numeric::PowiScalar(d) => (&d.out, self.float(&d.lhs).powi_scalar(d.rhs.into())),
            Numeric::Powi(d) => {
                let (x, n) = (self.float(&d.lhs), self.other(&d.rhs));
                let n = Dispatch::int_into_float(n, x.x.dtype().into());
                (&d.out, x.powf(Dual::constant(Num(n))))
            }
            Numeric::ArgMax(d) => {
                let x = self.x(&d.input);
                self.put_other(&d.out, Dispatch::float_argmax(x, d.axis, d.out.dtype.into()));
                return Ok(());
            }
            Numeric::ArgMin(d) => {
                let x = self.x(&d.input);
                self.put_other(&d.out, Dispatch::float_argmin(x, d.axis, d.out.dtype.into()));
                return Ok(());
            }
            Numeric::ArgSort(d) => {
                let x = self.x(&d.input);
                self.put_other(&d.out, Dispatch::float_argsort(x, d.dim, d.descending, d.out.dtype.into()));
                return Ok(());
            }
            Numeric::Greater(d) => return self.compare(&d.lhs, &d.rhs, &d.out, Dispatch::float_greater),
            Numeric::GreaterEqual(d) => return self.compare(&d.lhs, &d.rhs, &d.out, Dispatch::float_greater_equal),
            Numeric::Lower(d) => return self.compare(&d.lhs, &d.rhs, &d.out, Dispatch::float_lower),
            Numeric::LowerEqual(d) => return self.compare(&d.lhs, &d.rhs, &d.out, Dispatch::float_lower_equal),
            Numeric::GreaterElem(d) => {
                return self.compare_with(&d.lhs, d.rhs.into(), &d.out, Dispatch::float_greater_elem);
            }
            Numeric::GreaterEqualElem(d) => {
                return self.compare_with(&d.lhs, d.rhs.into(), &d.out, Dispatch::float_greater_equal_elem);
            }
            Numeric::LowerElem(d) => {
                return self.compare_with(&d.lhs, d.rhs.into(), &d.out, Dispatch::float_lower_elem);
            }
            Numeric::LowerEqualElem(d) => {
                return self.compare_with(&d.lhs, d.rhs.into(), &d.out, Dispatch::float_lower_equal_elem);
            }
            Numeric::Rem(d) => (&d.out, self.float(&d.lhs).remainder(self.float(&d.rhs))),
            Numeric::Prod(d) => {
                let x = self.float(&d.input);
                let all = x.x.shape().num_elements();
                (&d.out, x.reshape([all]).product(0))
            }
            Numeric::ProdDim(d) => (&d.out, self.float(&d.input).product(d.axis)),
            Numeric::CumProd(d) => (&d.out, self.float(&d.input).running_product(d.axis)),
            Numeric::CumMax(d) => (&d.out, self.float(&d.input).running_extreme(d.axis, true)),
            Numeric::CumMin(d) => (&d.out, self.float(&d.input).running_extreme(d.axis, false)),
            Numeric::MaxAbsDim(d) => {
                let x = self.float(&d.input).elementwise(Dispatch::float_abs, |x, _| x.sign());
                (&d.out, x.extreme(d.axis, true))
            }
            Numeric::TopK(d) => (&d.out, self.float(&d.input).top(d.axis, d.out.shape[d.axis]).0),
            Numeric::TopKWithIndices(d) => {
                let (y, places) = self.float(&d.tensor).top(d.dim, d.k);
                self.put_other(&d.out_indices, places);
                (&d.out, y)
            }
            Numeric::ArgTopK(d) => {
                let x = self.x(&d.input);
                let k = d.out.shape[d.axis];
                self.put_other(&d.out, Dispatch::float_argtopk(x, d.axis, k, d.out.dtype.into()));
                return Ok(());
            }
            Numeric::IntRandom(_) => return Err(NoRule),
        };
        self.put_float(out, y);
        Ok(())
    }

    fn compare(
        &mut self,
        left: &TensorIr,
        right: &TensorIr,
        out: &TensorIr,
        f: impl Fn(Raw, Raw, BoolDType) -> Raw,
    ) -> Step {
        let (x, y) = (self.x(left), self.x(right));
        self.put_other(out, f(x, y, out.dtype.into()));
        Ok(())
    }

    fn compare_with(
        &mut self,
        left: &TensorIr,
        right: Scalar,
        out: &TensorIr,
        f: impl Fn(Raw, Scalar, BoolDType) -> Raw,
    ) -> Step {
        let x = self.x(left);
        self.put_other(out, f(x, right, out.dtype.into()));
        Ok(())
    }
}

/// The largest or smallest of all entries, as a tensor of shape `[1]`.
fn of_all(x: Dual, largest: bool) -> Dual {
    let all = x.x.shape().num_elements();
    x.reshape([all]).extreme(0, largest)
}

/// The padding of a derivative: the derivative of the value's padding.
fn padding_of_derivative(mode: &PadModeIr) -> PadMode {
    match mode {
        PadModeIr::Constant(_) => PadMode::Constant(0.0),
        other => (*other).into(),
    }
}
