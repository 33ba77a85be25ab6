#include "lib/apk/lineage_internal.h"

#include "base/bytes.h"
#include "lib/apk/algorithm_internal.h"

enum { ATTRIBUTE = 0x3ba06f8c, VERSION = 1 };

struct node {
    struct str data, signature, certificate;
    uint32_t parent_algorithm, algorithm;
};

static bool take_node(struct str *rest, struct node *node)
{
    struct str value, data;
    if (!apk_take_value(rest, &value) || !apk_take_value(&value, &node->data) || value.length < 8) return false;
    node->algorithm = bytes_get32(value.data + 4);
    value = str_from(value, 8);
    data = node->data;
    if (!apk_take_value(&value, &node->signature) || !apk_take_value(&data, &node->certificate) || data.length < 4) return false;
    node->parent_algorithm = bytes_get32(data.data);
    return true;
}

static bool is_listed(const struct apk_lineage *lineage, struct str certificate)
{
    for (size_t i = 0; i < lineage->count; i++)
        if (str_equal(lineage->certificates[i], certificate)) return true;
    return false;
}

/* The oldest key has none before it that could sign. */
static bool follows(const struct node *before, const struct node *node)
{
    return node->parent_algorithm == before->algorithm &&
           apk_signature_verifies(node->parent_algorithm, before->certificate, node->data, node->signature);
}

bool apk_lineage_read(const struct apk_signer *signer, struct apk_lineage *out)
{
    struct str value = apk_signer_attribute(signer, ATTRIBUTE), rest = str_from(value, 4);
    struct node before = {0}, node;
    out->count = 0;
    if (str_empty(value)) return true;
    if (value.length < 4 || bytes_get32(value.data) != VERSION) return false;
    for (; rest.length > 0; before = node) {
        if (out->count == APK_LINEAGE_MAX || !take_node(&rest, &node) || is_listed(out, node.certificate)) return false;
        if (out->count > 0 && !follows(&before, &node)) return false;
        out->certificates[out->count++] = node.certificate;
    }
    return out->count == 0 || str_equal(before.certificate, signer->certificate);
}
