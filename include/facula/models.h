/* Floor 6: whole networks, made of the modules of facula/nn.h: those of torchvision.models, GPT-2 as Hugging Face's
 * transformers has it, two of PyTorch's examples, and LeNet-5. Names and shapes in their state dicts are the originals',
 * so that published weights load by name (docs/models.md), and random numbers are drawn in the originals' order: the same
 * seed gives the same weights. What a constructor returns is the caller's, as in facula/nn.h.
 *
 *     fac_module *model = fac_resnet18(.num_classes = 10);
 *
 * torchvision.models.resnet18 is fac_resnet18, without a prefix of its own: nn_ tells the modules of torch.nn from functions of
 * the same name, and no function is called as a network is. Where a forward has several results, a function of the
 * network's own returns the first and takes pointers to the others, as fac_lstm_forward does. */
#ifndef FACULA_MODELS_H
#define FACULA_MODELS_H

#include "facula/module.h"

FAC_BEGIN

/* ---- for images --------------------------------------------------------------------------------------------- */

/* The keywords of all networks for images; each takes some of them and lets the rest be. 0 or NAN: the network's default. */
typedef struct fac_image_model_options {
    int64_t num_classes;     /* all: 1000; LeNet 10 */
    int64_t in_channels;     /* all: 3; LeNet 1 */
    int64_t image_size;      /* LeNet: height and width of its images, 28; others take any size */
    int64_t hidden;          /* VGG: 4096 features in the two layers before the last */
    double dropout;          /* VGG: 0.5; MobileNetV2: 0.2 */
    double width_mult;       /* MobileNetV2: 1; all numbers of channels are multiplied by it */
    bool zero_init_residual; /* ResNet: false; blocks begin as the identity, the last weight of each with zeros */
    bool small_images; /* ResNet: false; it begins with a 3x3 convolution of stride 1 and without pooling, as is usual
                                for images of 32x32 */
} fac_image_model_options;
static inline fac_image_model_options fac_image_model_options_defaults(void)
{
    fac_image_model_options o;
    o.num_classes = o.in_channels = o.image_size = o.hidden = 0;
    o.dropout = o.width_mult = __builtin_nan("");
    o.zero_init_residual = o.small_images = false;
    return o;
}

/* Any of those below by name: fac_image_model("resnet18", .num_classes = 10). An unknown name is an error. Images [N, in_channels,
 * H, W] give logits [N, num_classes]. */
FAC_API fac_module *fac_image_model_with(const char *name, fac_image_model_options options);
#define fac_image_model(name, ...) fac_image_model_with(name, FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))

typedef struct fac_image_model_row {
    const char *name; /* "resnet18" */
    fac_module *(*make)(fac_image_model_options options);
    const char *about; /* a sentence without its full stop */
} fac_image_model_row;
/* All of them; the last row has no name. */
FAC_API const fac_image_model_row *fac_image_models(void);

/* LeCun et al. 1998, with ReLU and max pooling. A Sequential. Keywords num_classes, in_channels, image_size. */
FAC_API fac_module *fac_lenet_with(fac_image_model_options options);
#define fac_lenet(...) fac_lenet_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))

/* Simonyan and Zisserman 2014; _bn: with batch normalisation. Keywords num_classes, in_channels, hidden, dropout. */
FAC_API fac_module *fac_vgg11_with(fac_image_model_options options);
FAC_API fac_module *fac_vgg13_with(fac_image_model_options options);
FAC_API fac_module *fac_vgg16_with(fac_image_model_options options);
FAC_API fac_module *fac_vgg19_with(fac_image_model_options options);
FAC_API fac_module *fac_vgg11_bn_with(fac_image_model_options options);
FAC_API fac_module *fac_vgg13_bn_with(fac_image_model_options options);
FAC_API fac_module *fac_vgg16_bn_with(fac_image_model_options options);
FAC_API fac_module *fac_vgg19_bn_with(fac_image_model_options options);
#define fac_vgg11(...) fac_vgg11_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))
#define fac_vgg13(...) fac_vgg13_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))
#define fac_vgg16(...) fac_vgg16_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))
#define fac_vgg19(...) fac_vgg19_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))
#define fac_vgg11_bn(...) fac_vgg11_bn_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))
#define fac_vgg13_bn(...) fac_vgg13_bn_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))
#define fac_vgg16_bn(...) fac_vgg16_bn_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))
#define fac_vgg19_bn(...) fac_vgg19_bn_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))

/* He et al. 2015, as torchvision has them: where a block of three convolutions halves the size, the second does. Keywords
 * num_classes, in_channels, zero_init_residual, small_images. */
FAC_API fac_module *fac_resnet18_with(fac_image_model_options options);
FAC_API fac_module *fac_resnet34_with(fac_image_model_options options);
FAC_API fac_module *fac_resnet50_with(fac_image_model_options options);
FAC_API fac_module *fac_resnet101_with(fac_image_model_options options);
FAC_API fac_module *fac_resnet152_with(fac_image_model_options options);
#define fac_resnet18(...) fac_resnet18_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))
#define fac_resnet34(...) fac_resnet34_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))
#define fac_resnet50(...) fac_resnet50_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))
#define fac_resnet101(...) fac_resnet101_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))
#define fac_resnet152(...) fac_resnet152_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))

/* Sandler et al. 2018. Keywords num_classes, in_channels, dropout, width_mult. */
FAC_API fac_module *fac_mobilenet_v2_with(fac_image_model_options options);
#define fac_mobilenet_v2(...) fac_mobilenet_v2_with(FAC_OPTIONS(fac_image_model_options, __VA_ARGS__))

/* ---- for words ---------------------------------------------------------------------------------------------- */

typedef struct fac_gpt2_options {
    int64_t vocab_size, n_positions; /* 50257 words, 1024 places */
    int64_t n_embd, n_layer, n_head; /* 768, 12, 12 */
    double embd_pdrop, attn_pdrop,
        resid_pdrop; /* dropout of what comes in, of attention weights, of what blocks add: 0.1 */
} fac_gpt2_options;
static inline fac_gpt2_options fac__gpt2_size(int64_t n_embd, int64_t n_layer, int64_t n_head)
{
    fac_gpt2_options o;
    o.vocab_size = 50257;
    o.n_positions = 1024;
    o.n_embd = n_embd;
    o.n_layer = n_layer;
    o.n_head = n_head;
    o.embd_pdrop = o.attn_pdrop = o.resid_pdrop = 0.1;
    return o;
}
typedef fac_gpt2_options fac_gpt2_medium_options, fac_gpt2_large_options, fac_gpt2_xl_options;
/* clang-format off */
static inline fac_gpt2_options fac_gpt2_options_defaults(void) { return fac__gpt2_size(768, 12, 12); }
static inline fac_gpt2_options fac_gpt2_medium_options_defaults(void) { return fac__gpt2_size(1024, 24, 16); }
static inline fac_gpt2_options fac_gpt2_large_options_defaults(void) { return fac__gpt2_size(1280, 36, 20); }
static inline fac_gpt2_options fac_gpt2_xl_options_defaults(void) { return fac__gpt2_size(1600, 48, 25); }
/* clang-format on */
/* Radford et al. 2019, the GPT2LMHeadModel of transformers, with its keywords and, for medium, large and xl, the sizes that
 * were published. Indices of words [B, T], T at most n_positions, give logits [B, T, vocab_size] of each next word. The last
 * layer's weight is the first one's. It loads states with the names of GPT2Model ("h.0.ln_1.weight") or GPT2LMHeadModel
 * ("transformer.h.0.ln_1.weight"); masks that old ones hold are left out. */
FAC_API fac_module *fac_gpt2_with(fac_gpt2_options options);
#define fac_gpt2(...) fac_gpt2_with(FAC_OPTIONS(fac_gpt2_options, __VA_ARGS__))
#define fac_gpt2_medium(...) fac_gpt2_with(FAC_OPTIONS(fac_gpt2_medium_options, __VA_ARGS__))
#define fac_gpt2_large(...) fac_gpt2_with(FAC_OPTIONS(fac_gpt2_large_options, __VA_ARGS__))
#define fac_gpt2_xl(...) fac_gpt2_with(FAC_OPTIONS(fac_gpt2_xl_options, __VA_ARGS__))

typedef struct fac_lstm_lm_options {
    double dropout;   /* of embeddings, between layers and of the last: 0.5 */
    bool tie_weights; /* the decoder's weight is the encoder's; nhid is ninp then: false */
} fac_lstm_lm_options;
static inline fac_lstm_lm_options fac_lstm_lm_options_defaults(void)
{
    fac_lstm_lm_options o;
    o.dropout = 0.5;
    o.tie_weights = false;
    return o;
}
/* The RNNModel("LSTM", …) of PyTorch's example word_language_model: ntoken words, embeddings of ninp, nlayers of nhid.
 * Indices of words [T, N] give logarithms of the next words' probabilities [T N, ntoken]. */
FAC_API fac_module *fac_lstm_lm_with(int64_t ntoken, int64_t ninp, int64_t nhid, int64_t nlayers,
                                     fac_lstm_lm_options options);
#define fac_lstm_lm(ntoken, ninp, nhid, nlayers, ...)                                                                  \
    fac_lstm_lm_with(ntoken, ninp, nhid, nlayers, FAC_OPTIONS(fac_lstm_lm_options, __VA_ARGS__))
/* The same with the states, as fac_lstm_forward. */
FAC_API fac_tensor *fac_lstm_lm_forward(void *model, fac_tensor *words, fac_tensor *h0, fac_tensor *c0, fac_tensor **hn,
                                        fac_tensor **cn);

/* ---- a variational autoencoder ------------------------------------------------------------------------------ */

typedef struct fac_vae_options {
    int64_t in_features, hidden, latent; /* 784, 400, 20 */
} fac_vae_options;
static inline fac_vae_options fac_vae_options_defaults(void)
{
    fac_vae_options o;
    o.in_features = 784;
    o.hidden = 400;
    o.latent = 20;
    return o;
}
/* Kingma and Welling 2013, the VAE of PyTorch's examples. x [N, …] of in_features numbers from 0 to 1 each is encoded as a normal
 * distribution for each of `latent` numbers; one is drawn of each, and decoded to the reconstruction [N, in_features]. */
FAC_API fac_module *fac_vae_with(fac_vae_options options);
#define fac_vae(...) fac_vae_with(FAC_OPTIONS(fac_vae_options, __VA_ARGS__))
/* Returns the reconstruction; *mu and *logvar get the means and the logarithms of the variances, [N, latent]. Both may be
 * NULL. */
FAC_API fac_tensor *fac_vae_forward(void *vae, fac_tensor *x, fac_tensor **mu, fac_tensor **logvar);
/* Its first half: returns the means. Its second: z [N, latent] to a reconstruction. */
FAC_API fac_tensor *fac_vae_encode(void *vae, fac_tensor *x, fac_tensor **logvar);
FAC_API fac_tensor *fac_vae_decode(void *vae, fac_tensor *z);
/* The example's loss: binary cross entropy of the reconstruction, and how far the distributions are from the standard one, both
 * summed. */
FAC_API fac_tensor *fac_vae_loss(fac_tensor *reconstruction, fac_tensor *x, fac_tensor *mu, fac_tensor *logvar);

FAC_END
#endif
