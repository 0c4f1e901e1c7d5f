//! Dual numbers: a tensor and its derivative in one direction (forward mode: Griewank and Walther, *Evaluating Derivatives*, 2008,
//! ch. 3).
//!
//! Burn's backward pass differentiates each rule again, so every rule uses operations with a backward pass only.

mod scans;

use burn::{
    backend::{
        Dispatch,
        ops::{FloatTensorOps, ModuleOps},
    },
    tensor::{Scalar, Shape},
};

use super::num::{Num, Raw, or};

/// x and its derivative ẋ; none means 0.
#[derive(Clone, Debug)]
pub(super) struct Dual {
    pub(super) x: Num,
    pub(super) dx: Option<Num>,
}

fn sum(left: Option<Num>, right: Option<Num>) -> Option<Num> {
    match (left, right) {
        (Some(left), Some(right)) => Some(&left + &right),
        (one, None) | (None, one) => one,
    }
}

impl Dual {
    pub(super) fn constant(x: Num) -> Self {
        Self { x, dx: None }
    }

    /// The derivative, with zeros if there is none.
    fn tangent(&self) -> Num {
        self.dx.clone().unwrap_or_else(|| self.x.zeros_like())
    }

    /// A linear map of one tensor.
    pub(super) fn linear(self, f: impl Fn(Raw) -> Raw) -> Self {
        Self { x: self.x.map(&f), dx: self.dx.map(|dx| dx.map(&f)) }
    }

    /// A map that is jointly linear in several tensors.
    pub(super) fn jointly<const N: usize>(inputs: [Self; N], f: impl Fn([Raw; N]) -> Raw) -> Self {
        let dx = inputs.iter().any(|input| input.dx.is_some());
        let dx = dx.then(|| Num(f(inputs.each_ref().map(|input| input.tangent().0))));
        Self { x: Num(f(inputs.map(|input| input.x.0))), dx }
    }

    pub(super) fn cat(inputs: Vec<Self>, dim: usize) -> Self {
        let all = |parts: Vec<Num>| Num(Dispatch::float_cat(parts.into_iter().map(|part| part.0).collect(), dim));
        let dx = inputs.iter().any(|input| input.dx.is_some());
        let dx = dx.then(|| all(inputs.iter().map(Self::tangent).collect()));
        Self { x: all(inputs.into_iter().map(|input| input.x).collect()), dx }
    }

    /// y = f(x), elementwise, with the derivative f′ from x and y.
    pub(super) fn elementwise(self, f: impl FnOnce(Raw) -> Raw, derivative: impl FnOnce(&Num, &Num) -> Num) -> Self {
        let y = self.x.map(f);
        let dx = self.dx.map(|dx| &derivative(&self.x, &y) * &dx);
        Self { x: y, dx }
    }

    /// y = f(x), elementwise, with the derivative 0 where the mask is true, and 1 elsewhere.
    fn piecewise(self, f: impl FnOnce(Raw) -> Raw, flat: impl FnOnce(&Num) -> Raw) -> Self {
        let dx = self.dx.map(|dx| dx.masked(flat(&self.x)));
        Self { x: self.x.map(f), dx }
    }

    /// y = f(x), whose derivative is 0 wherever it exists.
    pub(super) fn flat(self, f: impl FnOnce(Raw) -> Raw) -> Self {
        Self::constant(self.x.map(f))
    }

    pub(super) fn add(self, other: Self) -> Self {
        let x = &self.x + &other.x;
        let shape = x.shape();
        Self { x, dx: sum(self.dx, other.dx).map(|dx| dx.expand(&shape)) }
    }

    pub(super) fn sub(self, other: Self) -> Self {
        let x = &self.x - &other.x;
        let shape = x.shape();
        let dx = sum(self.dx, other.dx.map(|dx| dx.times(-1.0)));
        Self { x, dx: dx.map(|dx| dx.expand(&shape)) }
    }

    /// A bilinear map, such as a product.
    pub(super) fn bilinear(self, other: Self, f: impl Fn(Raw, Raw) -> Raw) -> Self {
        let left = self.dx.map(|dx| dx.zip(&other.x, &f));
        let right = other.dx.map(|dy| self.x.zip(&dy, &f));
        Self { x: self.x.zip(&other.x, &f), dx: sum(left, right) }
    }

    pub(super) fn mul(self, other: Self) -> Self {
        self.bilinear(other, Dispatch::float_mul)
    }

    pub(super) fn div(self, other: Self) -> Self {
        let y = &self.x / &other.x;
        let left = self.dx.map(|dx| &dx / &other.x);
        let right = other.dx.map(|dx| (&(&y / &other.x) * &dx).times(-1.0));
        Self { x: y, dx: sum(left, right) }
    }

    pub(super) fn sqrt(self) -> Self {
        self.elementwise(Dispatch::float_sqrt, |_, y| y.times(2.0).recip())
    }

    /// xᵖ for a number p.
    pub(super) fn powf_scalar(self, p: Scalar) -> Self {
        let exponent = number(p);
        self.elementwise(|x| Dispatch::float_powf_scalar(x, p), |x, _| x.powf(exponent - 1.0).times(exponent))
    }

    /// xⁿ for a whole number n.
    pub(super) fn powi_scalar(self, n: Scalar) -> Self {
        let exponent = number(n);
        self.elementwise(
            |x| Dispatch::float_powi_scalar(x, n),
            #[allow(clippy::cast_possible_truncation, reason = "the exponent is a whole number")]
            |x, _| x.powi(exponent as i64 - 1).times(exponent),
        )
    }

    /// xᵖ for a tensor p.
    pub(super) fn powf(self, p: Self) -> Self {
        let y = self.x.zip(&p.x, Dispatch::float_powf);
        let left = self.dx.map(|dx| &(&self.x.zip(&p.x.plus(-1.0), Dispatch::float_powf) * &p.x) * &dx);
        // At x = 0 the power is 0 for all p > 0, so its derivative by p is 0, although ln x is infinite.
        let right = p.dx.map(|dp| {
            let zero = Dispatch::float_equal_elem(self.x.0.clone(), 0.0.into(), self.x.bools());
            let log = self.x.map(|x| Dispatch::float_mask_fill(x, zero, 1.0.into())).log();
            &(&log * &y) * &dp
        });
        Self { x: y, dx: sum(left, right) }
    }

    /// The angle of the point (x, y), `atan2(y, x)`.
    pub(super) fn atan2(self, x: Self) -> Self {
        let angle = self.x.zip(&x.x, Dispatch::float_atan2);
        let square = &self.x.square() + &x.x.square();
        let left = self.dx.map(|dy| &(&x.x / &square) * &dy);
        let right = x.dx.map(|dx| (&(&self.x / &square) * &dx).times(-1.0));
        Self { x: angle, dx: sum(left, right) }
    }

    pub(super) fn hypot(self, other: Self) -> Self {
        let y = self.x.zip(&other.x, Dispatch::float_hypot);
        let left = self.dx.map(|dx| &(&self.x / &y) * &dx);
        let right = other.dx.map(|dx| &(&other.x / &y) * &dx);
        Self { x: y, dx: sum(left, right) }
    }

    pub(super) fn clamp_min(self, min: Scalar) -> Self {
        self.piecewise(|x| Dispatch::float_clamp_min(x, min), |x| x.below(min))
    }

    pub(super) fn clamp_max(self, max: Scalar) -> Self {
        self.piecewise(|x| Dispatch::float_clamp_max(x, max), |x| x.above(max))
    }

    pub(super) fn clamp(self, min: Scalar, max: Scalar) -> Self {
        self.piecewise(|x| Dispatch::float_clamp(x, min, max), |x| or(x.below(min), x.above(max)))
    }

    pub(super) fn relu(self) -> Self {
        use burn::backend::ops::ActivationOps;
        self.piecewise(Dispatch::relu, Num::not_positive)
    }

    pub(super) fn hard_sigmoid(self, alpha: Scalar, beta: Scalar) -> Self {
        let line = self.linear(|x| Dispatch::float_mul_scalar(x, alpha)).plus(number(beta));
        line.clamp(0.0.into(), 1.0.into())
    }

    /// max(x, 0) + slope · min(x, 0), with a slope that broadcasts.
    pub(super) fn leaky(self, slope: Self) -> Self {
        let mask = self.x.not_positive();
        let negative = self.clone().mul(slope);
        Self::jointly([self, negative], |[x, negative]| Dispatch::float_mask_where(x, mask.clone(), negative))
    }

    pub(super) fn leaky_scalar(self, slope: Scalar) -> Self {
        let mask = self.x.not_positive();
        self.linear(|x| {
            let negative = Dispatch::float_mul_scalar(x.clone(), slope);
            Dispatch::float_mask_where(x, mask.clone(), negative)
        })
    }

    /// x·Φ(x). It is composed of other rules, because some backends' backward pass is that of the tanh approximation.
    pub(super) fn gelu(self) -> Self {
        let normal_cdf = self.clone().linear(|x| Dispatch::float_mul_scalar(x, std::f64::consts::FRAC_1_SQRT_2.into()));
        let normal_cdf = normal_cdf.erf().linear(|x| Dispatch::float_mul_scalar(x, 0.5.into())).plus(0.5);
        self.mul(normal_cdf)
    }

    pub(super) fn erf(self) -> Self {
        self.elementwise(Dispatch::float_erf, |x, _| {
            x.square().times(-1.0).exp().times(std::f64::consts::FRAC_2_SQRT_PI)
        })
    }

    pub(super) fn sigmoid(self) -> Self {
        let y = self.x.sigmoid();
        let dx = self.dx.map(|dx| &(&y * &y.complement()) * &dx);
        Self { x: y, dx }
    }

    pub(super) fn plus(self, term: f64) -> Self {
        Self { x: self.x.plus(term), dx: self.dx }
    }

    pub(super) fn softmax(self, dim: usize) -> Self {
        use burn::backend::ops::ActivationOps;
        let y = self.x.map(|x| Dispatch::softmax(x, dim));
        let dx = self.dx.map(|dx| {
            let weighted = &y * &dx;
            let total = weighted.sum_dim(dim);
            &weighted - &(&y * &total)
        });
        Self { x: y, dx }
    }

    pub(super) fn log_softmax(self, dim: usize) -> Self {
        use burn::backend::ops::ActivationOps;
        let y = self.x.map(|x| Dispatch::log_softmax(x, dim));
        let dx = self.dx.map(|dx| &dx - &(&y.exp() * &dx).sum_dim(dim));
        Self { x: y, dx }
    }

    /// The entries at `places` along `dim`.
    pub(super) fn gather(self, dim: usize, places: &Raw) -> Self {
        self.linear(|x| Dispatch::float_gather(dim, x, places.clone()))
    }

    /// The largest or smallest entries along `dim`; the first of equal ones.
    pub(super) fn extreme(self, dim: usize, largest: bool) -> Self {
        let places = self.x.places(dim, largest);
        self.gather(dim, &places)
    }

    pub(super) fn reshape(self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        self.linear(|x| Dispatch::float_reshape(x, shape.clone()))
    }

    /// f(x, w, b), linear in x and in w, plus b: a dense layer or a convolution.
    pub(super) fn affine(self, weight: Self, bias: Option<Self>, f: impl Fn(Raw, Raw, Option<Raw>) -> Raw) -> Self {
        let (b, db) = bias.map_or((None, None), |bias| (Some(bias.x.0), bias.dx.map(|db| db.0)));
        let y = Num(f(self.x.0.clone(), weight.x.0.clone(), b));
        let dx = match (self.dx, weight.dx) {
            (None, None) => db.map(|db| Num(f(self.x.zeros_like().0, weight.x.0, Some(db)))),
            (Some(dx), None) => Some(Num(f(dx.0, weight.x.0, db))),
            (None, Some(dw)) => Some(Num(f(self.x.0, dw.0, db))),
            (Some(dx), Some(dw)) => Some(&Num(f(self.x.0, dw.0, db)) + &Num(f(dx.0, weight.x.0, None))),
        };
        Self { x: y, dx }
    }

    pub(super) fn dense(self, weight: Self, bias: Option<Self>) -> Self {
        self.affine(weight, bias, Dispatch::linear)
    }

    /// (x − mean) / √(variance + ε) · γ + β over the last dimension, composed of other rules.
    pub(super) fn layer_norm(self, gamma: Self, beta: Option<Self>, epsilon: f64) -> Self {
        let last = self.x.shape().num_dims() - 1;
        let mean = |x: Self| x.linear(|x| Dispatch::float_mean_dim(x, last));
        let centred = self.clone().sub(mean(self));
        let variance = mean(centred.clone().mul(centred.clone()));
        let mut broadcast = vec![1; last];
        broadcast.push(gamma.x.shape()[0]);
        let y = centred.div(variance.plus(epsilon).sqrt()).mul(gamma.reshape(broadcast.clone()));
        match beta {
            Some(beta) => y.add(beta.reshape(broadcast)),
            None => y,
        }
    }

    /// Batch normalisation with given mean and variance per channel (dimension 1).
    pub(super) fn batch_norm(self, gamma: Self, beta: Self, mean: Self, variance: Self, epsilon: f64) -> Self {
        let shape = self.x.shape();
        let mut channels = vec![1; shape.num_dims()];
        channels[1] = shape[1];
        let [gamma, beta, mean, variance] = [gamma, beta, mean, variance].map(|one| one.reshape(channels.clone()));
        self.sub(mean).div(variance.plus(epsilon).sqrt()).mul(gamma).add(beta)
    }

    /// The entries at `places`, which index the trailing dimensions of the input together.
    pub(super) fn pooled(self, places: Raw, spatial: usize) -> Self {
        use burn::backend::TensorMetadata;
        let (input, output) = (self.x.shape(), places.shape());
        let flat = |shape: &Shape| {
            let kept = shape.num_dims() - spatial;
            let mut dims: Vec<usize> = (0..kept).map(|d| shape[d]).collect();
            dims.push((kept..shape.num_dims()).map(|d| shape[d]).product());
            (Shape::from(dims), kept)
        };
        let (from, dim) = flat(&input);
        let (to, _) = flat(&output);
        let places = <Dispatch as burn::backend::ops::IntTensorOps<Dispatch>>::int_reshape(places, to);
        self.reshape(from).gather(dim, &places).reshape(output)
    }
}

/// One of Burn's numbers as f64.
pub(super) fn number(scalar: Scalar) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "an exponent or a factor")]
    match scalar {
        Scalar::Float(x) => x,
        Scalar::Int(x) => x as f64,
        Scalar::UInt(x) => x as f64,
        Scalar::Bool(x) => f64::from(u8::from(x)),
    }
}
