//! A model from its settings.

use std::f64::consts::SQRT_2;

use burn::{
    module::Param,
    tensor::{Device, TensorData},
};
use kiln_tensor::{Stream, init};

use super::{
    super::{
        Likelihood, Prior, Vae, VaeConfigError,
        hidden::{After, Build},
        images::{ImageDecoder, ImageEncoder, sides},
        latent::{self, StochasticLayer},
        prior::{FlowPrior, VampPrior},
        running_scale::RunningScale,
    },
    Convolutions, HiddenActivation, VaeConfig,
};

impl VaeConfig {
    /// Builds the model with random initial weights. The same `seed` gives the same weights on all devices.
    ///
    /// # Errors
    /// Returns [`VaeConfigError`] if a size is 0, if the mean image has the wrong size, or if the images are too small for the
    /// convolutions.
    pub fn init(&self, seed: u64, device: &Device) -> Result<Vae, VaeConfigError> {
        let sides = self.check()?;
        let (activation, outputs) = (self.activation.fused(), self.likelihood.outputs());
        let build = Build { activation, norm: self.layer_norm, blocks: self.residual_blocks };
        let channels = self.convolutions.as_ref().map_or(&[][..], |c| &c.channels);
        // Inputs of the dense encoder and outputs of the dense decoder.
        let [seen, given] = match (&sides, channels.last()) {
            (Some(sides), Some(channels)) => [channels * sides[sides.len() - 1].iter().product::<usize>(); 2],
            _ => [self.data_dim, self.data_dim * outputs],
        };
        let image = self.image_channels;
        let mut stream = Stream::new(seed, "init", 0, 0);
        // The default weights shrink the signal. Through several ReLU layers it would become too small to learn from.
        let gain = self.is_deep_relu().then_some(SQRT_2);
        let inwards: Vec<usize> =
            std::iter::once(seen + self.condition_dim).chain(self.hidden_dims.iter().copied()).collect();
        let (first, last) = (self.latent_dims[0], inwards[inwards.len() - 1]);
        let decoded = first + self.condition_dim;
        let backwards = self.hidden_dims.iter().rev().copied();
        let outwards: Vec<usize> = std::iter::once(decoded).chain(backwards).chain([given]).collect();
        let encoder = latent::layers(&inwards, gain, &mut stream, device);
        let mut head = || init::linear(last, first, &mut stream, device);
        let (latent_loc, latent_log_variance) = (head(), head());
        // Without convolutions the last dense layer gives the outputs.
        let (hidden, output) =
            if sides.is_some() { (&outwards[..], None) } else { (&outwards[..outwards.len() - 1], Some(given)) };
        let mut decoder = latent::layers(hidden, gain, &mut stream, device);
        decoder.extend(output.map(|outputs| init::linear(hidden[hidden.len() - 1], outputs, &mut stream, device)));
        let pairs = self.latent_dims.windows(2);
        let mut layer_above = |pair: &[usize]| {
            StochasticLayer::new((pair[0], pair[1]), &self.upper_hidden_dims, activation, &mut stream, device)
        };
        let above = pairs.map(&mut layer_above).collect();
        let scales = self.log_scales();
        let scales = scales.as_deref();
        let mut vae = Vae {
            image_encoder: sides
                .as_ref()
                .map(|s| ImageEncoder::new((s[0], image), channels, build, &mut stream, device)),
            encoder,
            latent_loc,
            latent_log_variance,
            above,
            decoder,
            image_decoder: sides
                .as_ref()
                .map(|s| ImageDecoder::new(s, channels, image * outputs, build, &mut stream, device)),
            encoder_after: After::layers(&inwards[1..], build, &mut stream, device),
            decoder_after: After::layers(&outwards[1..outwards.len() - 1], build, &mut stream, device),
            activation,
            log_scale: scales.filter(|_| !self.optimal_scale).map(|scales| Param::from_data(scales, device)),
            running_scale: scales.filter(|_| self.optimal_scale).map(|scales| RunningScale::new(scales, device)),
            levels: self.likelihood.levels(),
            vamp: match self.prior {
                Prior::Vamp(count) => {
                    let grey = vec![0.5; self.data_dim];
                    let mean = self.data_mean.as_ref().unwrap_or(&grey);
                    Some(VampPrior::new(count, mean, &mut stream, device))
                }
                _ => None,
            },
            flow: match self.prior {
                Prior::Flow(layers) => Some(FlowPrior::new(layers, first, &mut stream, device)),
                _ => None,
            },
            condition_dim: self.condition_dim,
            condition: None,
        };
        if let Some(mean) = &self.data_mean {
            let bias: Vec<f64> = mean.iter().flat_map(|&mean| self.likelihood.outputs_of(mean)).collect();
            let bias = Param::from_data(TensorData::new(bias, [self.data_dim * outputs]), device);
            match (&mut vae.image_decoder, vae.decoder.last_mut()) {
                (Some(images), _) => images.bias = bias,
                (None, Some(last)) => last.bias = Some(bias),
                (None, None) => {}
            }
        }
        Ok(vae)
    }

    /// Returns the logarithms of the scales at which the likelihood starts, if it learns any.
    fn log_scales(&self) -> Option<Vec<f64>> {
        let starts = |stddev: f64| self.likelihood.scale_of(stddev.max(Self::LEAST_STDDEV)).map(f64::ln);
        let all = self.data_stddev.unwrap_or(1.0);
        match (&self.channel_stddevs, self.scale_per_channel) {
            (_, false) => starts(all).map(|scale| vec![scale]),
            (None, true) => starts(all).map(|scale| vec![scale; self.image_channels]),
            (Some(stddevs), true) => stddevs.iter().map(|&stddev| starts(stddev)).collect(),
        }
    }

    /// Returns whether encoder or decoder has several layers of ReLU or units like it, GELU and SiLU.
    ///
    /// The initial weights are then larger (He et al., 2015), and large learning rates are risky.
    pub fn is_deep_relu(&self) -> bool {
        let deep = self.hidden_dims.len() > 1 || self.convolutions.is_some() || self.latent_dims.len() > 1;
        (deep || self.residual_blocks > 0) && self.activation != HiddenActivation::Tanh
    }

    /// Checks the settings. With convolutions, returns the image sides after each of them, starting with the image.
    fn check(&self) -> Result<Option<Vec<[usize; 2]>>, VaeConfigError> {
        let named = |sizes: &[usize], name| sizes.iter().map(move |size| (*size, name)).collect::<Vec<_>>();
        let channels = self.convolutions.as_ref().map_or(&[][..], |c| &c.channels);
        let sizes = [
            vec![(self.data_dim, "data_dim")],
            vec![(self.latent_dims.len(), "stochastic layers"), (self.image_channels, "image_channels")],
            named(&self.latent_dims, "latent_dim"),
            named(&self.hidden_dims, "hidden_dim"),
            named(&self.upper_hidden_dims, "upper_hidden_dim"),
            named(channels, "channels"),
        ];
        if let Some((_, name)) = sizes.into_iter().flatten().find(|(size, _)| *size == 0) {
            return Err(VaeConfigError::Size(name));
        }
        match self.prior {
            Prior::Standard => {}
            _ if self.latent_dims.len() > 1 => return Err(VaeConfigError::Prior("one stochastic layer")),
            Prior::Vamp(0) => return Err(VaeConfigError::Size("pseudo_inputs")),
            Prior::Vamp(_) if self.condition_dim > 0 => {
                return Err(VaeConfigError::Prior("a model without a condition"));
            }
            Prior::Flow(0) => return Err(VaeConfigError::Size("flow layers")),
            Prior::Flow(_) if self.latent_dims[0] < 2 => {
                return Err(VaeConfigError::Prior("at least two latent dimensions"));
            }
            Prior::Vamp(_) | Prior::Flow(_) => {}
        }
        if self.optimal_scale && self.likelihood != Likelihood::Gaussian {
            return Err(VaeConfigError::OptimalScale);
        }
        if let Some(levels @ 0..=1) = self.likelihood.levels() {
            return Err(VaeConfigError::Levels(levels));
        }
        if let Some(mean) = self.data_mean.as_ref().filter(|mean| mean.len() != self.data_dim) {
            return Err(VaeConfigError::DataMean { expected: self.data_dim, got: mean.len() });
        }
        let mut stddevs = self.data_stddev.iter().chain(self.channel_stddevs.iter().flatten());
        if stddevs.any(|stddev| !(stddev.is_finite() && *stddev >= 0.0)) {
            return Err(VaeConfigError::DataStddev);
        }
        let (channels_of_image, data_dim) = (self.image_channels, self.data_dim);
        let wrong_stddevs = self.channel_stddevs.as_ref().is_some_and(|stddevs| stddevs.len() != channels_of_image);
        if wrong_stddevs || (self.scale_per_channel && !data_dim.is_multiple_of(channels_of_image)) {
            return Err(VaeConfigError::Channels { channels: channels_of_image, data_dim });
        }
        let Some(Convolutions { size, channels }) = &self.convolutions else { return Ok(None) };
        let ([height, width], image_channels) = (*size, self.image_channels);
        let values = height.saturating_mul(width).saturating_mul(image_channels);
        let sides = sides(*size, channels.len()).filter(|_| values == self.data_dim);
        let (data_dim, layers) = (self.data_dim, channels.len());
        let refused = VaeConfigError::Images { height, width, image_channels, data_dim, layers };
        sides.map(Some).ok_or(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Tensor;
    use kiln_dist::{LatentVariableModel, Moments};
    use kiln_testkit::{assert_close, values};

    #[test]
    fn the_last_bias_starts_at_the_mean_image() {
        let config = VaeConfig::new(3).hidden_dim(2).latent_dim(1).data_mean(vec![0.0, 0.5, 0.8]);
        let bias = |config: &VaeConfig| {
            let vae = config.init(0, &Device::default()).unwrap();
            vae.decoder[1].bias.as_ref().unwrap().val().try_into_vec_as::<f64>().unwrap()
        };
        let expected = [(0.01f64 / 0.99).ln(), 0.0, 4f64.ln()];
        assert!(bias(&config).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6));
        let gaussian = bias(&config.clone().likelihood(Likelihood::Gaussian));
        assert!(gaussian.iter().zip([0.0, 0.5, 0.8]).all(|(a, b): (&f64, f64)| (a - b).abs() < 1e-6));
        let wrong = config.data_mean(vec![0.5]).init(0, &Device::default()).unwrap_err();
        assert_eq!(wrong.to_string(), "data_mean must have one value for each of the 3 pixels, got 1");
    }

    #[test]
    fn a_gaussian_likelihood_starts_at_the_standard_deviation_of_the_images() {
        let config = VaeConfig::new(3).hidden_dim(2).latent_dim(1).likelihood(Likelihood::Gaussian);
        let scale = |config: &VaeConfig| {
            let vae = config.init(0, &Device::default()).unwrap();
            values(vae.log_scale.unwrap().val().exp())[0]
        };
        let started = [config.clone(), config.clone().data_stddev(0.3), config.clone().data_stddev(0.0)];
        assert_close(&started.map(|c| scale(&c)), &[1.0, 0.3, VaeConfig::LEAST_STDDEV], 1e-6, 0.0, "in f32");
        let colour = VaeConfig::new(6).hidden_dim(2).latent_dim(1).image_channels(3).scale_per_channel(true);
        let scales = |likelihood| {
            let config = colour.clone().likelihood(likelihood).channel_stddevs(vec![0.2, 0.3, 0.0]);
            values(config.init(0, &Device::default()).unwrap().log_scale.unwrap().val().exp())
        };
        let least = VaeConfig::LEAST_STDDEV;
        assert_close(&scales(Likelihood::Gaussian), &[0.2, 0.3, least], 1e-6, 0.0, "one per channel");
        // The standard deviation of a logistic distribution is π·s/√3.
        let deviations: Vec<f64> =
            scales(Likelihood::Logistic(256)).iter().map(|s| s * 3.289_868_1f64.sqrt()).collect();
        assert_close(&deviations, &[0.2, 0.3, least], 1e-6, 0.0, "of a logistic distribution");
        let refused = |config: VaeConfig| config.init(0, &Device::default()).unwrap_err().to_string();
        assert!(refused(colour.clone().channel_stddevs(vec![0.1])).contains("each of the 3 channels"));
        assert!(refused(VaeConfig::new(7).image_channels(3).scale_per_channel(true)).contains("multiple of 3"));
        let wrong = config.data_stddev(f64::NAN).init(0, &Device::default()).unwrap_err();
        assert_eq!(wrong.to_string(), "data_stddev must be finite and not negative");
        // A configuration that was saved before there were these settings is still read.
        let saved = serde_json::to_value(VaeConfig::new(3)).unwrap();
        let later = [
            "data_stddev",
            "image_channels",
            "channel_stddevs",
            "scale_per_channel",
            "layer_norm",
            "residual_blocks",
            "condition_dim",
            "prior",
            "optimal_scale",
        ];
        let without: serde_json::Map<_, _> =
            saved.as_object().unwrap().clone().into_iter().filter(|(key, _)| !later.contains(&key.as_str())).collect();
        assert_eq!(serde_json::from_value::<VaeConfig>(without.into()).unwrap(), VaeConfig::new(3));
    }

    /// For all kinds of layers, a model starts at the mean image and returns as many pixels as it takes.
    #[test]
    fn every_kind_of_decoder_starts_near_the_mean_image() {
        let device = Device::default();
        // Halving drops a pixel of sides 5 and 7.
        let mean: Vec<f64> = (0..35).map(|i| 0.05 + f64::from(i) / 40.0).collect();
        // A wide logistic distribution has its mean in the middle, because it ends at 0 and 1.
        let config = VaeConfig::new(35).hidden_dim(8).latent_dim(2).data_mean(mean.clone()).data_stddev(0.1);
        for likelihood in
            [Likelihood::Bernoulli, Likelihood::Gaussian, Likelihood::Categorical(5), Likelihood::Logistic(9)]
        {
            let convolved = config.clone().convolutions([5, 7], vec![3, 4]);
            let linear = config.clone().hidden_dims(Vec::new());
            for config in [config.clone(), convolved.clone().hidden_dims(Vec::new()), convolved, linear] {
                let vae = config.likelihood(likelihood).init(0, &device).unwrap();
                assert_eq!((vae.data_dim(), vae.latent_dim()), (35, 2));
                let x = vae.likelihood(Tensor::zeros([3, 2], &device)).mean();
                assert_eq!(x.dims(), [3, 35]);
                // The hidden units of an untrained network move an output by a few tenths.
                assert_close(&values(x)[..35], &mean, 0.0, 0.25, "the mean image");
                assert_eq!(vae.encode(Tensor::zeros([3, 35], &device)).dims(), [3, 2]);
            }
        }
        // In colour, the pixels of an image differ and so do the channels of a pixel.
        let mean: Vec<f64> = (0..60).map(|i| 0.05 + f64::from(i) / 70.0).collect();
        let config3 = VaeConfig::new(60).hidden_dim(8).latent_dim(2).data_mean(mean.clone()).data_stddev(0.1);
        let config3 = config3.image_channels(3);
        for likelihood in
            [Likelihood::Bernoulli, Likelihood::Gaussian, Likelihood::Categorical(5), Likelihood::Logistic(9)]
        {
            let config = config3.clone().convolutions([4, 5], vec![3, 4]).likelihood(likelihood);
            let vae = config.init(0, &device).unwrap();
            let x = vae.likelihood(Tensor::zeros([3, 2], &device)).mean();
            assert_eq!((vae.data_dim(), x.dims()), (60, [3, 60]));
            assert_close(&values(x)[..60], &mean, 0.0, 0.25, "the mean image in colour");
            assert_eq!(vae.encode(Tensor::zeros([3, 60], &device)).dims(), [3, 2]);
        }
        let outputs = Likelihood::Categorical(9).outputs_of(0.7);
        let sum: f64 = outputs.iter().map(|l| l.exp()).sum();
        let at: f64 = outputs.iter().zip(0u8..).map(|(l, i)| l.exp() / sum * f64::from(i) / 8.0).sum();
        assert_close(&[at], &[0.7], 1e-12, 0.0, "the mean of the grey levels");
        let message = |config: VaeConfig| config.init(0, &device).unwrap_err().to_string();
        assert!(message(config.clone().convolutions([5, 7], vec![2, 2, 2])).contains("cannot be halved 3 times"));
        assert!(message(config.clone().convolutions([4, 7], vec![2])).contains("do not have 35 values"));
        assert!(message(config.clone().image_channels(3).convolutions([5, 7], vec![2])).contains("5×7×3"));
        assert!(message(config.clone().image_channels(0)).contains("image_channels must be at least 1"));
        assert!(message(config.likelihood(Likelihood::Categorical(1))).contains("at least 2 levels"));
    }
}
