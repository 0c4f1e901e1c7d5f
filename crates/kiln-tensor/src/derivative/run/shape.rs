//! Shapes and positions of float tensors.

use burn::backend::{Dispatch, ir::BaseOperationIr as Base, ops::FloatTensorOps};

use super::{
    super::{dual::Dual, num::Num},
    Machine, Step,
};

impl Machine<'_> {
    pub(super) fn base_float(&mut self, op: &Base) -> Step {
        match op {
            Base::Reshape(d) => {
                return self.linear(&d.input, &d.out, |x| Dispatch::float_reshape(x, d.out.shape.clone()));
            }
            Base::SwapDims(d) => {
                return self.linear(&d.input, &d.out, |x| Dispatch::float_swap_dims(x, d.dim1, d.dim2));
            }
            Base::Permute(d) => return self.linear(&d.input, &d.out, |x| Dispatch::float_permute(x, &d.axes)),
            Base::Flip(d) => return self.linear(&d.input, &d.out, |x| Dispatch::float_flip(x, &d.axes)),
            Base::Expand(d) => {
                return self.linear(&d.input, &d.out, |x| Dispatch::float_expand(x, d.out.shape.clone()));
            }
            Base::Unfold(d) => {
                return self.linear(&d.input, &d.out, |x| Dispatch::float_unfold(x, d.dim, d.size, d.step));
            }
            Base::Slice(d) => return self.linear(&d.tensor, &d.out, |x| Dispatch::float_slice(x, &d.ranges)),
            Base::RepeatDim(d) => {
                return self.linear(&d.tensor, &d.out, |x| Dispatch::float_repeat_dim(x, d.dim, d.times));
            }
            Base::Cast(d) => return self.linear(&d.input, &d.out, |x| Dispatch::float_cast(x, d.out.dtype.into())),
            Base::SliceAssign(d) => {
                let both = [self.float(&d.tensor), self.float(&d.value)];
                let y = Dual::jointly(both, |[x, value]| Dispatch::float_slice_assign(x, &d.ranges, value));
                self.put_float(&d.out, y);
            }
            Base::Gather(d) => {
                let places = self.other(&d.indices);
                return self.linear(&d.tensor, &d.out, |x| Dispatch::float_gather(d.dim, x, places.clone()));
            }
            Base::GatherNd(d) => {
                let places = self.other(&d.indices);
                return self.linear(&d.data, &d.out, |x| Dispatch::float_gather_nd(x, places.clone()));
            }
            Base::Select(d) => {
                let places = self.other(&d.indices);
                return self.linear(&d.tensor, &d.out, |x| Dispatch::float_select(x, d.dim, places.clone()));
            }
            Base::Scatter(d) => {
                let (x, value, places) = (self.float(&d.tensor), self.float(&d.value), self.other(&d.indices));
                let scatter = |x, value, how| Dispatch::float_scatter(d.dim, x, places.clone(), value, how);
                let y = x.updated(value, d.update, scatter, |y| Dispatch::float_gather(d.dim, y, places.clone()));
                self.put_float(&d.out, y);
            }
            Base::SelectAssign(d) => {
                let (x, value, places) = (self.float(&d.tensor), self.float(&d.value), self.other(&d.indices));
                let scatter = |x, value, how| Dispatch::float_select_assign(x, d.dim, places.clone(), value, how);
                let y = x.updated(value, d.update, scatter, |y| Dispatch::float_select(y, d.dim, places.clone()));
                self.put_float(&d.out, y);
            }
            Base::ScatterNd(d) => {
                let (x, value, places) = (self.float(&d.data), self.float(&d.values), self.other(&d.indices));
                let scatter = |x, value, how| Dispatch::float_scatter_nd(x, places.clone(), value, how);
                let y = x.updated(value, d.reduction, scatter, |y| Dispatch::float_gather_nd(y, places.clone()));
                self.put_float(&d.out, y);
            }
            Base::MaskWhere(d) => {
                let (both, mask) = ([self.float(&d.tensor), self.float(&d.value)], self.other(&d.mask));
                let y = Dual::jointly(both, |[x, value]| Dispatch::float_mask_where(x, mask.clone(), value));
                self.put_float(&d.out, y);
            }
            Base::MaskFill(d) => {
                let (x, mask) = (self.float(&d.tensor), self.other(&d.mask));
                let dx = x.dx.map(|dx| dx.masked(mask.clone()));
                let x = x.x.map(|x| Dispatch::float_mask_fill(x, mask, d.value.into()));
                self.put_float(&d.out, Dual { x, dx });
            }
            Base::Cat(d) => {
                let all = d.tensors.iter().map(|tensor| self.float(tensor)).collect();
                self.put_float(&d.out, Dual::cat(all, d.dim));
            }
            Base::Empty(d) | Base::Zeros(d) => {
                let zeros = Dispatch::float_zeros(d.out.shape.clone(), self.device, d.out.dtype.into());
                self.put_float(&d.out, Dual::constant(Num(zeros)));
            }
            Base::Ones(d) => {
                let ones = Dispatch::float_ones(d.out.shape.clone(), self.device, d.out.dtype.into());
                self.put_float(&d.out, Dual::constant(Num(ones)));
            }
            Base::Equal(d) => {
                let (x, y) = (self.x(&d.lhs), self.x(&d.rhs));
                self.put_other(&d.out, Dispatch::float_equal(x, y, d.out.dtype.into()));
            }
            Base::NotEqual(d) => {
                let (x, y) = (self.x(&d.lhs), self.x(&d.rhs));
                self.put_other(&d.out, Dispatch::float_not_equal(x, y, d.out.dtype.into()));
            }
            Base::EqualElem(d) => {
                let x = self.x(&d.lhs);
                self.put_other(&d.out, Dispatch::float_equal_elem(x, d.rhs.into(), d.out.dtype.into()));
            }
            Base::NotEqualElem(d) => {
                let x = self.x(&d.lhs);
                self.put_other(&d.out, Dispatch::float_not_equal_elem(x, d.rhs.into(), d.out.dtype.into()));
            }
            Base::All(d) => {
                let x = self.x(&d.input);
                self.put_other(&d.out, Dispatch::float_all(x, d.out.dtype.into()));
            }
            Base::Any(d) => {
                let x = self.x(&d.input);
                self.put_other(&d.out, Dispatch::float_any(x, d.out.dtype.into()));
            }
            Base::AllDim(d) => {
                let x = self.x(&d.input);
                self.put_other(&d.out, Dispatch::float_all_dim(x, d.axis, d.out.dtype.into()));
            }
            Base::AnyDim(d) => {
                let x = self.x(&d.input);
                self.put_other(&d.out, Dispatch::float_any_dim(x, d.axis, d.out.dtype.into()));
            }
        }
        Ok(())
    }
}
