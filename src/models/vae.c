/* Floor 6. A variational autoencoder: Kingma and Welling, Auto-Encoding Variational Bayes, 2013. After the VAE of PyTorch's
 * examples. */
#include "core/raise.h"
#include "facula/models.h"
#include "facula/nn.h"
#include "facula/ops_create.h"
#include "facula/ops_loss.h"
#include "facula/ops_pointwise.h"
#include "facula/ops_reduce.h"
#include "facula/ops_view.h"

typedef struct vae {
    fac_module base;
    int64_t in_features;
    fac_module *fc1, *fc21, *fc22, *fc3, *fc4;
} vae;

static fac_tensor *encode(vae *net, fac_tensor *x, fac_tensor **logvar)
{
    x = fac_relu(fac_forward(net->fc1, fac_reshape(x, FAC_DIMS(-1, net->in_features))));
    fac_tensor *mu = fac_forward(net->fc21, x);
    if (logvar) *logvar = fac_forward(net->fc22, x);
    return mu;
}

static fac_tensor *decode(vae *net, fac_tensor *z)
{
    return fac_sigmoid(fac_forward(net->fc4, fac_relu(fac_forward(net->fc3, z))));
}

static fac_tensor *run(vae *net, fac_tensor *x, fac_tensor **mu, fac_tensor **logvar)
{
    fac_tensor *spread, *mean = encode(net, x, &spread);
    fac_tensor *deviation = fac_exp(fac_mul_scalar(spread, 0.5));
    fac_tensor *z = fac_add(mean, fac_mul(fac_randn_like(deviation), deviation));
    if (mu) *mu = mean;
    if (logvar) *logvar = spread;
    return decode(net, z);
}

static fac_tensor *forward(fac_module *self, fac_tensor *x)
{
    return run((vae *)self, x, NULL, NULL);
}

/* The module, if it is one of these. */
static vae *as_vae(fac_module *m)
{
    if (m->type->forward == forward) return (vae *)m;
    return fac__type_error("%s is no VAE", m->type->name);
}

fac_tensor *fac_vae_forward(void *model, fac_tensor *x, fac_tensor **mu, fac_tensor **logvar)
{
    FAC__OP("VAE");
    FAC__NEED(model);
    FAC__NEED(x);
    vae *net = as_vae(model);
    return net ? run(net, x, mu, logvar) : NULL;
}

fac_tensor *fac_vae_encode(void *model, fac_tensor *x, fac_tensor **logvar)
{
    FAC__OP("VAE");
    FAC__NEED(model);
    FAC__NEED(x);
    vae *net = as_vae(model);
    return net ? encode(net, x, logvar) : NULL;
}

fac_tensor *fac_vae_decode(void *model, fac_tensor *z)
{
    FAC__OP("VAE");
    FAC__NEED(model);
    FAC__NEED(z);
    vae *net = as_vae(model);
    return net ? decode(net, z) : NULL;
}

fac_tensor *fac_vae_loss(fac_tensor *reconstruction, fac_tensor *x, fac_tensor *mu, fac_tensor *logvar)
{
    FAC__OP("vae_loss");
    FAC__NEED(reconstruction);
    FAC__NEED(x);
    FAC__NEED(mu);
    FAC__NEED(logvar);
    fac_tensor *loss = NULL;
    fac_scope {
        fac_tensor *bce =
            fac_binary_cross_entropy(reconstruction, fac_reshape(x, fac_shape(reconstruction)), .reduction = FAC_SUM);
        fac_tensor *kept = fac_sub(fac_add_scalar(logvar, 1), fac_square(mu));
        fac_tensor *kld = fac_mul_scalar(fac_sum(fac_sub(kept, fac_exp(logvar))), -0.5);
        loss = fac_escape(fac_add(bce, kld));
    }
    return loss;
}

fac_module *fac_vae_with(fac_vae_options o)
{
    FAC__OP("VAE");
    static const fac_module_type type = {.name = "VAE", .size = sizeof(vae), .forward = forward};
    vae *net = fac_module_new(&type);
    if (!net) return NULL;
    net->in_features = o.in_features;
    fac_add_child(net, fc1, fac_nn_linear(o.in_features, o.hidden));
    fac_add_child(net, fc21, fac_nn_linear(o.hidden, o.latent));
    fac_add_child(net, fc22, fac_nn_linear(o.hidden, o.latent));
    fac_add_child(net, fc3, fac_nn_linear(o.latent, o.hidden));
    fac_add_child(net, fc4, fac_nn_linear(o.hidden, o.in_features));
    return fac_module_ready(net);
}
