// Computes a trained net in plain JavaScript, image by image.
//
// `readHalves(text)` decodes the weights; `buildNet(layers, halves)` returns a function from a
// Float32Array to a Float32Array. An image is stored row by row, the channels of a pixel together,
// as in Keras. gan/pictures/play.py writes the list of layers. Each layer has a `kind`, the `shape`
// of its output, and its weights as the place where they begin in `halves`.
"use strict";

// -- weights ------------------------------------------------------------------------------------

// The value of each half-precision number, by its 16 bits.
const HALF = Float32Array.from({ length: 65536 }, (_, bits) => {
  const sign = bits >> 15 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = (bits & 1023) / 1024;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction) : 2 ** -14 * fraction);
});

// base64 -> deflate -> all low bytes, then all high bytes -> Float32Array. High bytes resemble each
// other, so they compress better when they stand together.
const readHalves = async (text) => {
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = bytes.length / 2;
  return Float32Array.from({ length: count }, (_, i) => HALF[bytes[i] | bytes[count + i] << 8]);
};

const sizeOf = (shape) => shape.reduce((product, side) => product * side, 1);

// -- layers: each maker returns a function from input to output ------------------------------------

const ACTIVATIONS = {
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  relu: (x) => Math.max(x, 0),
};

const MAKERS = {
  // kernel [inputs, units]
  dense({ kernel, bias, shape: [units] }, [inputs], at) {
    const weights = at(kernel, inputs * units), first = at(bias, units);
    return (x) => {
      const y = first.slice();
      for (let i = 0; i < inputs; i++) {
        const value = x[i], row = i * units;
        for (let j = 0; j < units; j++) y[j] += value * weights[row + j];
      }
      return y;
    };
  },

  // Batch normalisation by the moving statistics: one factor and one offset for each channel.
  normalise({ gamma, beta, mean, variance, epsilon, shape }, _, at) {
    const channels = shape[shape.length - 1];
    const [scale, shift, means, variances] = [gamma, beta, mean, variance].map((place) => at(place, channels));
    const factor = scale.map((value, c) => value / Math.sqrt(variances[c] + epsilon));
    const offset = shift.map((value, c) => value - means[c] * factor[c]);
    return (x) => x.map((value, i) => value * factor[i % channels] + offset[i % channels]);
  },

  activation: ({ name }) => (x) => x.map(ACTIVATIONS[name]),

  leaky: ({ slope }) => (x) => x.map((value) => value < 0 ? slope * value : value),

  reshape: () => (x) => x,

  // The larger of each 2 x 2 pixels.
  pool({ shape: [height, width, channels] }, [, inputWidth]) {
    return (x) => {
      const y = new Float32Array(height * width * channels).fill(-Infinity);
      for (let i = 0; i < 2 * height; i++)
        for (let j = 0; j < 2 * width; j++) {
          const to = ((i >> 1) * width + (j >> 1)) * channels, from = (i * inputWidth + j) * channels;
          for (let c = 0; c < channels; c++) y[to + c] = Math.max(y[to + c], x[from + c]);
        }
      return y;
    };
  },

  // kernel [size, size, input channels, filters]; `same` pads with zeros as TensorFlow does.
  convolution({ kernel, bias, size, stride, same, shape: [height, width, filters] }, input, at) {
    const [inputHeight, inputWidth, channels] = input;
    const weights = at(kernel, size * size * channels * filters), first = at(bias, filters);
    const above = same ? before(height, stride, size, inputHeight) : 0;
    const left = same ? before(width, stride, size, inputWidth) : 0;
    return (x) => {
      const y = filled(first, height * width);
      for (let i = 0; i < height; i++)
        for (let j = 0; j < width; j++)
          for (let u = 0; u < size; u++) {
            const row = i * stride + u - above;
            if (row < 0 || row >= inputHeight) continue;
            for (let v = 0; v < size; v++) {
              const column = j * stride + v - left;
              if (column < 0 || column >= inputWidth) continue;
              addProducts(x, (row * inputWidth + column) * channels, channels,
                weights, (u * size + v) * channels * filters, y, (i * width + j) * filters, filters);
            }
          }
      return y;
    };
  },

  // The convolution backwards: each input pixel adds to size x size output pixels. Keras stores the
  // kernel as [size, size, filters, input channels].
  transposed({ kernel, bias, size, stride, shape: [height, width, filters] }, input, at) {
    const [inputHeight, inputWidth, channels] = input;
    const stored = at(kernel, size * size * channels * filters), first = at(bias, filters);
    const weights = new Float32Array(stored.length);
    for (let tap = 0; tap < size * size; tap++)
      for (let f = 0; f < filters; f++)
        for (let c = 0; c < channels; c++)
          weights[(tap * channels + c) * filters + f] = stored[(tap * filters + f) * channels + c];
    const above = before(inputHeight, stride, size, height);
    const left = before(inputWidth, stride, size, width);
    return (x) => {
      const y = filled(first, height * width);
      for (let i = 0; i < inputHeight; i++)
        for (let j = 0; j < inputWidth; j++)
          for (let u = 0; u < size; u++) {
            const row = i * stride + u - above;
            if (row < 0 || row >= height) continue;
            for (let v = 0; v < size; v++) {
              const column = j * stride + v - left;
              if (column < 0 || column >= width) continue;
              addProducts(x, (i * inputWidth + j) * channels, channels,
                weights, (u * size + v) * channels * filters, y, (row * width + column) * filters, filters);
            }
          }
      return y;
    };
  },

  // The image twice as large, then a `same` convolution, folded into one: the taps of the kernel
  // that read the same pixel of the small image are added up once. Even and odd rows and columns of
  // the output read other pixels, so there are four small kernels. See gan/layers/upsampling.py.
  upsampled({ kernel, bias, size, shape: [height, width, filters] }, input, at) {
    const [inputHeight, inputWidth, channels] = input, reach = (size - 1) / 2;
    const weights = at(kernel, size * size * channels * filters), first = at(bias, filters);
    const block = channels * filters;
    const folded = [0, 1, 2, 3].map((phase) => {  // [place of the pixel, its summed weights]
      const sums = new Map();
      for (let u = 0; u < size; u++)
        for (let v = 0; v < size; v++) {
          const place = [(phase >> 1) + u - reach, (phase & 1) + v - reach].map((d) => Math.floor(d / 2));
          const sum = sums.get(String(place)) || [place, new Float32Array(block)];
          for (let k = 0; k < block; k++) sum[1][k] += weights[(u * size + v) * block + k];
          sums.set(String(place), sum);
        }
      return [...sums.values()];
    });
    return (x) => {
      const y = filled(first, height * width);
      for (let i = 0; i < height; i++)
        for (let j = 0; j < width; j++)
          for (const [[down, right], sums] of folded[2 * (i & 1) + (j & 1)]) {
            const row = (i >> 1) + down, column = (j >> 1) + right;
            if (row < 0 || row >= inputHeight || column < 0 || column >= inputWidth) continue;
            addProducts(x, (row * inputWidth + column) * channels, channels,
              sums, 0, y, (i * width + j) * filters, filters);
          }
      return y;
    };
  },
};

// y[to + f] += sum over c of x[from + c] * weights[at + c * filters + f]
const addProducts = (x, from, channels, weights, at, y, to, filters) => {
  for (let c = 0; c < channels; c++) {
    const value = x[from + c], row = at + c * filters;
    if (value === 0) continue;
    for (let f = 0; f < filters; f++) y[to + f] += value * weights[row + f];
  }
};

// Rows of zeros above the image, so that a `same` convolution of `large` rows gives `small`.
const before = (small, stride, size, large) =>
  Math.max(0, (small - 1) * stride + size - large) >> 1;

// `values` once for each pixel.
const filled = (values, pixels) => {
  const y = new Float32Array(values.length * pixels);
  if (values.some((value) => value !== 0))
    for (let i = 0; i < pixels; i++) y.set(values, i * values.length);
  return y;
};

const buildNet = ([{ shape: inputShape }, ...layers], halves) => {
  // Weights of `count` numbers from `place` on; a layer without them has zeros.
  const at = (place, count) =>
    place === null ? new Float32Array(count) : halves.subarray(place, place + count);
  let shape = inputShape;
  const steps = layers.map((layer) => {
    const step = MAKERS[layer.kind](layer, shape, at);
    shape = layer.shape;
    return step;
  });
  return (input) => steps.reduce((values, step) => step(values), input);
};
