//! Integers and booleans, which have no derivative: labels, positions, masks.

use burn::backend::{
    Dispatch,
    ir::{
        BaseOperationIr as Base, BoolOperationIr as Boolean, IntOperationIr as Integer, NumericOperationIr as Numeric,
        TensorIr,
    },
    ops::{BoolTensorOps, IntTensorOps},
    tensor::IndexingUpdateOp,
};

use super::{
    super::{
        dual::Dual,
        num::{Num, Raw},
    },
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
            Base::SelectAssign(d) => {
                let (x, places, value) = (self.other(&d.tensor), self.other(&d.indices), self.other(&d.value));
                self.put_other(&d.out, Dispatch::int_select_assign(x, d.dim, places, value, d.update));
            }
            Base::ScatterNd(d) => {
                let (x, places, value) = (self.other(&d.data), self.other(&d.indices), self.other(&d.values));
                self.put_other(&d.out, Dispatch::int_scatter_nd(x, places, value, d.reduction));
            }
            Base::GatherNd(d) => {
                let (x, places) = (self.other(&d.data), self.other(&d.indices));
                self.put_other(&d.out, Dispatch::int_gather_nd(x, places));
            }
            Base::Unfold(d) => one!(d, input, |x| Dispatch::int_unfold(x, d.dim, d.size, d.step)),
            Base::All(d) => one!(d, input, |x| Dispatch::int_all(x, d.out.dtype.into())),
            Base::Any(d) => one!(d, input, |x| Dispatch::int_any(x, d.out.dtype.into())),
            Base::AllDim(d) => one!(d, input, |x| Dispatch::int_all_dim(x, d.axis, d.out.dtype.into())),
            Base::AnyDim(d) => one!(d, input, |x| Dispatch::int_any_dim(x, d.axis, d.out.dtype.into())),
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
            Numeric::Prod(d) => one!(d, Dispatch::int_prod),
            Numeric::ProdDim(d) => one!(d, |x| Dispatch::int_prod_dim(x, d.axis)),
            Numeric::SumDims(d) => one!(d, |x| d.axes.iter().fold(x, |x, axis| Dispatch::int_sum_dim(x, *axis))),
            Numeric::Mean(d) => one!(d, Dispatch::int_mean),
            Numeric::MeanDim(d) => one!(d, |x| Dispatch::int_mean_dim(x, d.axis)),
            Numeric::CumProd(d) => one!(d, |x| Dispatch::int_cumprod(x, d.axis)),
            Numeric::CumMax(d) => one!(d, |x| Dispatch::int_cummax(x, d.axis)),
            Numeric::CumMin(d) => one!(d, |x| Dispatch::int_cummin(x, d.axis)),
            Numeric::MaxDim(d) => one!(d, |x| Dispatch::int_max_dim(x, d.axis)),
            Numeric::MinDim(d) => one!(d, |x| Dispatch::int_min_dim(x, d.axis)),
            Numeric::MaxAbs(d) => one!(d, Dispatch::int_max_abs),
            Numeric::MaxAbsDim(d) => one!(d, |x| Dispatch::int_max_abs_dim(x, d.axis)),
            Numeric::ArgMax(d) => one!(d, |x| Dispatch::int_argmax(x, d.axis)),
            Numeric::ArgMin(d) => one!(d, |x| Dispatch::int_argmin(x, d.axis)),
            Numeric::ArgTopK(d) => one!(d, |x| Dispatch::int_argtopk(x, d.axis, d.out.shape[d.axis])),
            Numeric::TopK(d) => one!(d, |x| Dispatch::int_topk(x, d.axis, d.out.shape[d.axis])),
            Numeric::Sort(d) => one!(d, |x| Dispatch::int_sort(x, d.dim, d.descending)),
            Numeric::ArgSort(d) => one!(d, |x| Dispatch::int_argsort(x, d.dim, d.descending)),
            Numeric::Sign(d) => one!(d, Dispatch::int_sign),
            Numeric::Pad(d) => one!(d, |x| Dispatch::int_pad(x, &d.padding, d.mode.into())),
            Numeric::Powi(d) => two!(d, Dispatch::int_powi),
            Numeric::PowiScalar(d) => scalar!(d, Dispatch::int_powi_scalar),
            Numeric::ClampMin(d) => scalar!(d, Dispatch::int_clamp_min),
            Numeric::ClampMax(d) => scalar!(d, Dispatch::int_clamp_max),
            Numeric::Clamp(d) => {
                let x = self.other(&d.tensor);
                self.put_other(&d.out, Dispatch::int_clamp(x, d.min.into(), d.max.into()));
            }
            Numeric::TopKWithIndices(d) => {
                let (y, places) = Dispatch::int_topk_with_indices(self.other(&d.tensor), d.dim, d.k);
                self.put_both(&d.out, y, &d.out_indices, places);
            }
            Numeric::MaxDimWithIndices(d) => {
                let (y, places) = Dispatch::int_max_dim_with_indices(self.other(&d.tensor), d.dim);
                self.put_both(&d.out, y, &d.out_indices, places);
            }
            Numeric::MinDimWithIndices(d) => {
                let (y, places) = Dispatch::int_min_dim_with_indices(self.other(&d.tensor), d.dim);
                self.put_both(&d.out, y, &d.out_indices, places);
            }
            Numeric::SortWithIndices(d) => {
                let (y, places) = Dispatch::int_sort_with_indices(self.other(&d.input), d.dim, d.descending);
                self.put_both(&d.out, y, &d.out_indices, places);
            }
            Numeric::IntRandom(_) => return Err(NoRule),
            Numeric::Full(d) => {
                let (shape, value) = (d.out.shape.clone(), d.value.into());
                self.put_other(&d.out, Dispatch::int_full(shape, value, self.device, d.out.dtype.into()));
            }
        }
        Ok(())
    }

    fn put_both(&mut self, out: &TensorIr, y: Raw, out_places: &TensorIr, places: Raw) {
        self.put_other(out, y);
        self.put_other(out_places, places);
    }

    pub(super) fn int_only(&mut self, op: &Integer) -> Step {
        macro_rules! two {
            ($d:ident, $f:path) => {{
                let (x, y) = (self.other(&$d.lhs), self.other(&$d.rhs));
                self.put_other(&$d.out, $f(x, y));
            }};
        }
        macro_rules! scalar {
            ($d:ident, $f:path) => {{
                let x = self.other(&$d.lhs);
                self.put_other(&$d.out, $f(x, $d.rhs.into()));
            }};
        }
        match op {
            Integer::IntoFloat(d) => {
                let x = self.other(&d.input);
                let y = Dispatch::int_into_float(x, d.out.dtype.into());
                self.put_float(&d.out, Dual::constant(Num(y)));
            }
            Integer::Matmul(d) => two!(d, Dispatch::int_matmul),
            Integer::BitwiseAnd(d) => two!(d, Dispatch::bitwise_and),
            Integer::BitwiseOr(d) => two!(d, Dispatch::bitwise_or),
            Integer::BitwiseXor(d) => two!(d, Dispatch::bitwise_xor),
            Integer::BitwiseLeftShift(d) => two!(d, Dispatch::bitwise_left_shift),
            Integer::BitwiseRightShift(d) => two!(d, Dispatch::bitwise_right_shift),
            Integer::BitwiseAndScalar(d) => scalar!(d, Dispatch::bitwise_and_scalar),
            Integer::BitwiseOrScalar(d) => scalar!(d, Dispatch::bitwise_or_scalar),
            Integer::BitwiseXorScalar(d) => scalar!(d, Dispatch::bitwise_xor_scalar),
            Integer::BitwiseLeftShiftScalar(d) => scalar!(d, Dispatch::bitwise_left_shift_scalar),
            Integer::BitwiseRightShiftScalar(d) => scalar!(d, Dispatch::bitwise_right_shift_scalar),
            Integer::BitwiseNot(d) => {
                let x = self.other(&d.input);
                self.put_other(&d.out, Dispatch::bitwise_not(x));
            }
        }
        Ok(())
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
            Base::Unfold(d) => one!(d, input, |x| Dispatch::bool_unfold(x, d.dim, d.size, d.step)),
            // Of booleans, adding is `or`.
            Base::Scatter(d) if matches!(d.update, IndexingUpdateOp::Add) => {
                let (x, places, value) = (self.other(&d.tensor), self.other(&d.indices), self.other(&d.value));
                self.put_other(&d.out, Dispatch::bool_scatter_or(d.dim, x, places, value));
            }
            Base::SelectAssign(d) if matches!(d.update, IndexingUpdateOp::Add) => {
                let (x, places, value) = (self.other(&d.tensor), self.other(&d.indices), self.other(&d.value));
                self.put_other(&d.out, Dispatch::bool_select_or(x, d.dim, places, value));
            }
            // Burn does not have these for booleans.
            Base::Scatter(_) | Base::SelectAssign(_) | Base::ScatterNd(_) | Base::GatherNd(_) | Base::Cast(_) => {
                return Err(NoRule);
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
