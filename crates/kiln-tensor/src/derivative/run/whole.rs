//! Integers and booleans, which have no derivative: labels, positions, masks.

use burn::backend::{
    Dispatch,
    ir::{
        BaseOperationIr as Base, BoolOperationIr as Boolean, IntOperationIr as Integer, NumericOperationIr as Numeric,
    },
    ops::{BoolTensorOps, IntTensorOps},
};

use super::{
    super::{dual::Dual, num::Num},
    Machine, NoRule, Step,
};

impl Machine<'_> {
    pub(super) fn base_int(&mut self, op: &Base) -> Step {
        macro_rules! one {
            ($d:ident, $input:ident, $f:expr) => {{
                let x = self.other(&$d.$input);
                self.put_other(&$d.out, $f(x));
            }};
        }
        match op {
            Base::Reshape(d) => one!(d, input, |x| Dispatch::int_reshape(x, d.out.shape.clone())),
            Base::SwapDims(d) => one!(d, input, |x| Dispatch::int_swap_dims(x, d.dim1, d.dim2)),
            Base::Permute(d) => one!(d, input, |x| Dispatch::int_permute(x, &d.axes)),
            Base::Flip(d) => one!(d, input, |x| Dispatch::int_flip(x, &d.axes)),
            Base::Expand(d) => one!(d, input, |x| Dispatch::int_expand(x, d.out.shape.clone())),
            Base::Slice(d) => one!(d, tensor, |x| Dispatch::int_slice(x, &d.ranges)),
            Base::RepeatDim(d) => one!(d, tensor, |x| Dispatch::int_repeat_dim(x, d.dim, d.times)),
            Base::Cast(d) => one!(d, input, |x| Dispatch::int_cast(x, d.out.dtype.into())),
            Base::EqualElem(d) => one!(d, lhs, |x| Dispatch::int_equal_elem(x, d.rhs.into(), d.out.dtype.into())),
            Base::NotEqualElem(d) => {
                one!(d, lhs, |x| Dispatch::int_not_equal_elem(x, d.rhs.into(), d.out.dtype.into()));
            }
            Base::Gather(d) => {
                let (x, places) = (self.other(&d.tensor), self.other(&d.indices));
                self.put_other(&d.out, Dispatch::int_gather(d.dim, x, places));
            }
            Base::Select(d) => {
                let (x, places) = (self.other(&d.tensor), self.other(&d.indices));
                self.put_other(&d.out, Dispatch::int_select(x, d.dim, places));
            }
            Base::SliceAssign(d) => {
                let (x, value) = (self.other(&d.tensor), self.other(&d.value));
                self.put_other(&d.out, Dispatch::int_slice_assign(x, &d.ranges, value));
            }
            Base::Scatter(d) => {
                let (x, places, value) = (self.other(&d.tensor), self.other(&d.indices), self.other(&d.value));
                self.put_other(&d.out, Dispatch::int_scatter(d.dim, x, places, value, d.update));
            }
            Base::MaskWhere(d) => {
                let (x, mask, value) = (self.other(&d.tensor), self.other(&d.mask), self.other(&d.value));
                self.put_other(&d.out, Dispatch::int_mask_where(x, mask, value));
            }
            Base::MaskFill(d) => {
                let (x, mask) = (self.other(&d.tensor), self.other(&d.mask));
                self.put_other(&d.out, Dispatch::int_mask_fill(x, mask, d.value.into()));
            }
            Base::Cat(d) => {
                let all = d.tensors.iter().map(|tensor| self.other(tensor)).collect();
                self.put_other(&d.out, Dispatch::int_cat(all, d.dim));
            }
            Base::Empty(d) | Base::Zeros(d) => {
                let zeros = Dispatch::int_zeros(d.out.shape.clone(), self.device, d.out.dtype.into());
                self.put_other(&d.out, zeros);
            }
            Base::Ones(d) => {
                let ones = Dispatch::int_ones(d.out.shape.clone(), self.device, d.out.dtype.into());
                self.put_other(&d.out, ones);
            }
            Base::Equal(d) => {
                let (x, y) = (self.other(&d.lhs), self.other(&d.rhs));
                self.put_other(&d.out, Dispatch::int_equal(x, y, d.out.dtype.into()));
            }
            Base::NotEqual(d) => {
                let (x, y) = (self.other(&d.lhs), self.other(&d.rhs));
                self.put_other(&d.out, Dispatch::int_not_equal(x, y, d.out.dtype.into()));
            }
            _ => return Err(NoRule),
        }
        Ok(())
    }

    pub(super) fn numeric_int(&mut self, op: &Numeric) -> Step {
        macro_rules! two {
            ($d:ident, $f:path $(, $dtype:expr)?) => {{
                let (x, y) = (self.other(&$d.lhs), self.other(&$d.rhs));
                self.put_other(&$d.out, $f(x, y $(, $dtype)?));
            }};
        }
        macro_rules! scalar {
            ($d:ident, $f:path $(, $dtype:expr)?) => {{
                let x = self.other(&$d.lhs);
                self.put_other(&$d.out, $f(x, $d.rhs.into() $(, $dtype)?));
            }};
        }
        macro_rules! one {
            ($d:ident, $f:expr) => {{
                let x = self.other(&$d.input);
                self.put_other(&$d.out, $f(x));
            }};
        }
        match op {
            Numeric::Add(d) => two!(d, Dispatch::int_add),
            Numeric::Sub(d) => two!(d, Dispatch::int_sub),
            Numeric::Mul(d) => two!(d, Dispatch::int_mul),
            Numeric::Div(d) => two!(d, Dispatch::int_div),
            Numeric::Rem(d) => two!(d, Dispatch::int_remainder),
            Numeric::AddScalar(d) => scalar!(d, Dispatch::int_add_scalar),
            Numeric::SubScalar(d) => scalar!(d, Dispatch::int_sub_scalar),
            Numeric::MulScalar(d) => scalar!(d, Dispatch::int_mul_scalar),
            Numeric::DivScalar(d) => scalar!(d, Dispatch::int_div_scalar),
            Numeric::RemScalar(d) => scalar!(d, Dispatch::int_remainder_scalar),
            Numeric::Greater(d) => two!(d, Dispatch::int_greater, d.out.dtype.into()),
            Numeric::GreaterEqual(d) => two!(d, Dispatch::int_greater_equal, d.out.dtype.into()),
            Numeric::Lower(d) => two!(d, Dispatch::int_lower, d.out.dtype.into()),
            Numeric::LowerEqual(d) => two!(d, Dispatch::int_lower_equal, d.out.dtype.into()),
            Numeric::GreaterElem(d) => scalar!(d, Dispatch::int_greater_elem, d.out.dtype.into()),
            Numeric::GreaterEqualElem(d) => scalar!(d, Dispatch::int_greater_equal_elem, d.out.dtype.into()),
            Numeric::LowerElem(d) => scalar!(d, Dispatch::int_lower_elem, d.out.dtype.into()),
            Numeric::LowerEqualElem(d) => scalar!(d, Dispatch::int_lower_equal_elem, d.out.dtype.into()),
            Numeric::Neg(d) => one!(d, Dispatch::int_neg),
            Numeric::Abs(d) => one!(d, Dispatch::int_abs),
            Numeric::Sum(d) => one!(d, Dispatch::int_sum),
            Numeric::Max(d) => one!(d, Dispatch::int_max),
            Numeric::Min(d) => one!(d, Dispatch::int_min),
            Numeric::SumDim(d) => one!(d, |x| Dispatch::int_sum_dim(x, d.axis)),
            Numeric::CumSum(d) => one!(d, |x| Dispatch::int_cumsum(x, d.axis)),
            Numeric::Full(d) => {
                let (shape, value) = (d.out.shape.clone(), d.value.into());
                self.put_other(&d.out, Dispatch::int_full(shape, value, self.device, d.out.dtype.into()));
            }
            _ => return Err(NoRule),
        }
        Ok(())
    }

    pub(super) fn int_only(&mut self, op: &Integer) -> Step {
        match op {
            Integer::IntoFloat(d) => {
                let x = self.other(&d.input);
                let y = Dispatch::int_into_float(x, d.out.dtype.into());
                self.put_float(&d.out, Dual::constant(Num(y)));
                Ok(())
            }
            _ => Err(NoRule),
        }
    }

    pub(super) fn base_bool(&mut self, op: &Base) -> Step {
        macro_rules! one {
            ($d:ident, $input:ident, $f:expr) => {{
                let x = self.other(&$d.$input);
                self.put_other(&$d.out, $f(x));
            }};
        }
        match op {
            Base::Reshape(d) => one!(d, input, |x| Dispatch::bool_reshape(x, d.out.shape.clone())),
            Base::SwapDims(d) => one!(d, input, |x| Dispatch::bool_swap_dims(x, d.dim1, d.dim2)),
            Base::Permute(d) => one!(d, input, |x| Dispatch::bool_permute(x, &d.axes)),
            Base::Flip(d) => one!(d, input, |x| Dispatch::bool_flip(x, &d.axes)),
            Base::Expand(d) => one!(d, input, |x| Dispatch::bool_expand(x, d.out.shape.clone())),
            Base::Slice(d) => one!(d, tensor, |x| Dispatch::bool_slice(x, &d.ranges)),
            Base::RepeatDim(d) => one!(d, tensor, |x| Dispatch::bool_repeat_dim(x, d.dim, d.times)),
            Base::EqualElem(d) => one!(d, lhs, |x| Dispatch::bool_equal_elem(x, d.rhs.into())),
            Base::NotEqualElem(d) => one!(d, lhs, |x| Dispatch::bool_not_equal_elem(x, d.rhs.into())),
            Base::All(d) => one!(d, input, Dispatch::bool_all),
            Base::Any(d) => one!(d, input, Dispatch::bool_any),
            Base::AllDim(d) => one!(d, input, |x| Dispatch::bool_all_dim(x, d.axis)),
            Base::AnyDim(d) => one!(d, input, |x| Dispatch::bool_any_dim(x, d.axis)),
            Base::Select(d) => {
                let (x, places) = (self.other(&d.tensor), self.other(&d.indices));
                self.put_other(&d.out, Dispatch::bool_select(x, d.dim, places));
            }
            Base::Gather(d) => {
                let (x, places) = (self.other(&d.tensor), self.other(&d.indices));
                self.put_other(&d.out, Dispatch::bool_gather(d.dim, x, places));
            }
            Base::SliceAssign(d) => {
                let (x, value) = (self.other(&d.tensor), self.other(&d.value));
                self.put_other(&d.out, Dispatch::bool_slice_assign(x, &d.ranges, value));
            }
            Base::MaskWhere(d) => {
                let (x, mask, value) = (self.other(&d.tensor), self.other(&d.mask), self.other(&d.value));
                self.put_other(&d.out, Dispatch::bool_mask_where(x, mask, value));
            }
            Base::MaskFill(d) => {
                let (x, mask) = (self.other(&d.tensor), self.other(&d.mask));
                self.put_other(&d.out, Dispatch::bool_mask_fill(x, mask, d.value.into()));
            }
            Base::Cat(d) => {
                let all = d.tensors.iter().map(|tensor| self.other(tensor)).collect();
                self.put_other(&d.out, Dispatch::bool_cat(all, d.dim));
            }
            Base::Empty(d) | Base::Zeros(d) => {
                let zeros = Dispatch::bool_zeros(d.out.shape.clone(), self.device, d.out.dtype.into());
                self.put_other(&d.out, zeros);
            }
            Base::Ones(d) => {
                let ones = Dispatch::bool_ones(d.out.shape.clone(), self.device, d.out.dtype.into());
                self.put_other(&d.out, ones);
            }
            Base::Equal(d) => {
                let (x, y) = (self.other(&d.lhs), self.other(&d.rhs));
                self.put_other(&d.out, Dispatch::bool_equal(x, y));
            }
            Base::NotEqual(d) => {
                let (x, y) = (self.other(&d.lhs), self.other(&d.rhs));
                self.put_other(&d.out, Dispatch::bool_not_equal(x, y));
            }
            _ => return Err(NoRule),
        }
        Ok(())
    }

    pub(super) fn bool_only(&mut self, op: &Boolean) -> Step {
        match op {
            Boolean::IntoFloat(d) => {
                let x = self.other(&d.input);
                let y = Dispatch::bool_into_float(x, d.out.dtype.into());
                self.put_float(&d.out, Dual::constant(Num(y)));
            }
            Boolean::IntoInt(d) => {
                let x = self.other(&d.input);
                self.put_other(&d.out, Dispatch::bool_into_int(x, d.out.dtype.into()));
            }
            Boolean::Not(d) => {
                let x = self.other(&d.input);
                self.put_other(&d.out, Dispatch::bool_not(x));
            }
            Boolean::And(d) => {
                let (x, y) = (self.other(&d.lhs), self.other(&d.rhs));
                self.put_other(&d.out, Dispatch::bool_and(x, y));
            }
            Boolean::Or(d) => {
                let (x, y) = (self.other(&d.lhs), self.other(&d.rhs));
                self.put_other(&d.out, Dispatch::bool_or(x, y));
            }
            Boolean::Xor(d) => {
                let (x, y) = (self.other(&d.lhs), self.other(&d.rhs));
                self.put_other(&d.out, Dispatch::bool_xor(x, y));
            }
        }
        Ok(())
    }
}
