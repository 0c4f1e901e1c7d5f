//! Activations and layers.

use burn::backend::{
    Dispatch,
    ir::{ActivationOperationIr as Activation, ModuleOperationIr as Layer},
    ops::{ActivationOps, FloatTensorOps, ModuleOps, UnfoldOptions},
};

use super::{
    super::{dual::number, num::Num},
    Machine, NoRule, Step,
};

impl Machine<'_> {
    pub(super) fn activation(&mut self, op: &Activation) -> Step {
        let (out, y) = match op {
            Activation::Relu(d) => (&d.out, self.float(&d.input).relu()),
            Activation::LeakyRelu(d) => (&d.out, self.float(&d.lhs).leaky_scalar(d.rhs.into())),
            Activation::PRelu(d) => (&d.out, self.float(&d.lhs).leaky(self.float(&d.rhs))),
            Activation::Gelu(d) => (&d.out, self.float(&d.input).gelu()),
            Activation::Sigmoid(d) => (&d.out, self.float(&d.input).sigmoid()),
            Activation::HardSigmoid(d) => (&d.out, self.float(&d.tensor).hard_sigmoid(d.alpha.into(), d.beta.into())),
            Activation::LogSigmoid(d) => {
                let derivative = |x: &Num, _: &Num| x.times(-1.0).sigmoid();
                (&d.out, self.float(&d.input).elementwise(Dispatch::log_sigmoid, derivative))
            }
            Activation::Softmax(d) => (&d.out, self.float(&d.input).softmax(d.axis)),
            Activation::LogSoftmax(d) => (&d.out, self.float(&d.input).log_softmax(d.axis)),
            Activation::Softmin(d) => (&d.out, self.float(&d.input).linear(Dispatch::float_neg).softmax(d.axis)),
            Activation::ReluBackward(_)
            | Activation::GeluBackward(_)
            | Activation::SigmoidBackward(_)
            | Activation::LogSigmoidBackward(_) => return Err(NoRule),
        };
        self.put_float(out, y);
        Ok(())
    }

    pub(super) fn layer(&mut self, op: &Layer) -> Step {
        macro_rules! convolution {
            ($d:ident, $primitive:path) => {{
                let bias = $d.bias.as_ref().map(|bias| self.float(bias));
                let f = |x, w, b| $primitive(x, w, b, $d.options.clone().into());
                (&$d.out, self.float(&$d.x).affine(self.float(&$d.weight), bias, f))
            }};
        }
        let (out, y) = match op {
            Layer::Linear(d) => {
                let bias = d.bias.as_ref().map(|bias| self.float(bias));
                (&d.out, self.float(&d.x).dense(self.float(&d.weight), bias))
            }
            Layer::Conv1d(d) => convolution!(d, Dispatch::conv1d),
            Layer::Conv2d(d) => convolution!(d, Dispatch::conv2d),
            Layer::Conv3d(d) => convolution!(d, Dispatch::conv3d),
            Layer::ConvTranspose1d(d) => convolution!(d, Dispatch::conv_transpose1d),
            Layer::ConvTranspose2d(d) => convolution!(d, Dispatch::conv_transpose2d),
            Layer::ConvTranspose3d(d) => convolution!(d, Dispatch::conv_transpose3d),
            Layer::Embedding(d) => {
                let places = self.other(&d.indices);
                return self.linear(&d.weights, &d.out, |w| Dispatch::embedding(w, places.clone()));
            }
            Layer::AvgPool1d(d) => {
                return self.linear(&d.x, &d.out, |x| {
                    Dispatch::avg_pool1d(x, d.kernel_size, d.stride, d.padding, d.count_include_pad, d.ceil_mode)
                });
            }
            Layer::AvgPool2d(d) => {
                return self.linear(&d.x, &d.out, |x| {
                    Dispatch::avg_pool2d(x, d.kernel_size, d.stride, d.padding, d.count_include_pad, d.ceil_mode)
                });
            }
            Layer::AdaptiveAvgPool1d(d) => {
                return self.linear(&d.x, &d.out, |x| Dispatch::adaptive_avg_pool1d(x, d.output_size));
            }
            Layer::AdaptiveAvgPool2d(d) => {
                return self.linear(&d.x, &d.out, |x| Dispatch::adaptive_avg_pool2d(x, d.output_size));
            }
            Layer::Interpolate(d) => {
                return self
                    .linear(&d.x, &d.out, |x| Dispatch::interpolate(x, d.output_size, d.options.clone().into()));
            }
            Layer::Unfold4d(d) => {
                let options = || {
                    let (stride, padding, dilation) = (d.options.stride, d.options.padding, d.options.dilation);
                    UnfoldOptions::new(stride, padding, dilation)
                };
                return self.linear(&d.x, &d.out, |x| Dispatch::unfold4d(x, d.kernel_size, options()));
            }
            Layer::MaxPool1d(d) => {
                let x = self.float(&d.x);
                let pool = Dispatch::max_pool1d_with_indices(
                    x.x.0.clone(),
                    d.kernel_size,
                    d.stride,
                    d.padding,
                    d.dilation,
                    d.ceil_mode,
                    x.x.ints(),
                );
                (&d.out, x.pooled(pool.indices, 1))
            }
            Layer::MaxPool2d(d) => {
                let x = self.float(&d.x);
                let pool = Dispatch::max_pool2d_with_indices(
                    x.x.0.clone(),
                    d.kernel_size,
                    d.stride,
                    d.padding,
                    d.dilation,
                    d.ceil_mode,
                    x.x.ints(),
                );
                (&d.out, x.pooled(pool.indices, 2))
            }
            Layer::LayerNorm(d) => {
                let beta = d.beta.as_ref().map(|beta| self.float(beta));
                let epsilon = number(d.epsilon.into());
                (&d.out, self.float(&d.input).layer_norm(self.float(&d.gamma), beta, epsilon))
            }
            Layer::BatchNorm(d) => {
                let [gamma, beta] = [&d.gamma, &d.beta].map(|tensor| self.float(tensor));
                let [mean, variance] = [&d.mean, &d.variance].map(|tensor| self.float(tensor));
                (&d.out, self.float(&d.x).batch_norm(gamma, beta, mean, variance, number(d.epsilon.into())))
            }
            Layer::AdaptiveAvgPool3d(d) => {
                return self.linear(&d.x, &d.out, |x| Dispatch::adaptive_avg_pool3d(x, d.output_size));
            }
            Layer::MaxPool1dWithIndices(d) => {
                let x = self.float(&d.x);
                let pool = Dispatch::max_pool1d_with_indices(
                    x.x.0.clone(),
                    d.kernel_size,
                    d.stride,
                    d.padding,
                    d.dilation,
                    d.ceil_mode,
                    d.out_indices.dtype.into(),
                );
                self.put_other(&d.out_indices, pool.indices.clone());
                (&d.out, x.pooled(pool.indices, 1))
            }
            Layer::MaxPool2dWithIndices(d) => {
                let x = self.float(&d.x);
                let pool = Dispatch::max_pool2d_with_indices(
                    x.x.0.clone(),
                    d.kernel_size,
                    d.stride,
                    d.padding,
                    d.dilation,
                    d.ceil_mode,
                    d.out_indices.dtype.into(),
                );
                self.put_other(&d.out_indices, pool.indices.clone());
                (&d.out, x.pooled(pool.indices, 2))
            }
            Layer::Attention(d) => return self.attention(d),
            Layer::CtcLoss(d) => return self.ctc_loss(d),
            Layer::DeformableConv2d(d) => return self.deformable_convolution(d),
            // Parts of backward passes, which a recorded function does not run.
            Layer::EmbeddingBackward(_)
            | Layer::LinearXBackward(_)
            | Layer::LinearWeightBackward(_)
            | Layer::LinearBiasBackward(_)
            | Layer::Conv1dXBackward(_)
            | Layer::Conv1dWeightBackward(_)
            | Layer::Conv1dBiasBackward(_)
            | Layer::Conv2dXBackward(_)
            | Layer::Conv2dWeightBackward(_)
            | Layer::Conv2dBiasBackward(_)
            | Layer::Conv3dXBackward(_)
            | Layer::Conv3dWeightBackward(_)
            | Layer::Conv3dBiasBackward(_)
            | Layer::DeformableConv2dBackward(_)
            | Layer::AvgPool1dBackward(_)
            | Layer::AvgPool2dBackward(_)
            | Layer::AdaptiveAvgPool1dBackward(_)
            | Layer::AdaptiveAvgPool2dBackward(_)
            | Layer::AdaptiveAvgPool3dBackward(_)
            | Layer::MaxPool1dWithIndicesBackward(_)
            | Layer::MaxPool2dWithIndicesBackward(_)
            | Layer::InterpolateBackward(_)
            | Layer::CtcLossBackward(_)
            | Layer::ConvTranspose1dWeightBackward(_)
            | Layer::ConvTranspose1dBiasBackward(_)
            | Layer::ConvTranspose2dWeightBackward(_)
            | Layer::ConvTranspose2dBiasBackward(_)
            | Layer::ConvTranspose3dWeightBackward(_)
            | Layer::ConvTranspose3dBiasBackward(_) => return Err(NoRule),
        };
        self.put_float(out, y);
        Ok(())
    }
}
