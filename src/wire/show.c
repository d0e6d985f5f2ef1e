#include "wire/show.h"

#include "wire/eth.h"
#include "wire/options.h"

// ---- one field ----

static void add_flags(struct sok_text *t, const struct sok_field *f, uint64_t v)
{
    const char *between = "";
    for (const struct sok_value *bit = f->values; bit && bit->text; bit++) {
        if (!(v >> bit->value & 1))
            continue;
        sok_text_add(t, "%s%s", between, bit->text);
        between = bit->text[1] ? "+" : ""; // letters stand close together
    }
    sok_text_add(t, v ? " (0x%llx)" : "0x%llx", (unsigned long long)v);
}

static void add_number(struct sok_text *t, const struct sok_field *f, uint64_t v)
{
    const char *text;
    switch (f->as) {
    case SOK_AS_HEX:
        sok_text_add(t, "0x%0*llx", (int)(f->bits + 3) / 4, (unsigned long long)v);
        break;
    case SOK_AS_FLAGS:
        add_flags(t, f, v);
        break;
    case SOK_AS_IP4:
        sok_text_add_ip4(t, (uint32_t)v);
        break;
    case SOK_AS_FIXED:
        sok_text_add_fixed(t, v, f->bits);
        break;
    case SOK_AS_NAME:
        text = sok_value_text(f->values, v);
        if (text)
            sok_text_add(
                t, f->bits > 8 ? "%s (0x%04llx)" : "%s (%llu)", text, (unsigned long long)v);
        else
            sok_text_add(t, f->bits > 8 ? "0x%04llx" : "%llu", (unsigned long long)v);
        break;
    default:
        sok_text_add(t, "%llu", (unsigned long long)v);
        break;
    }
}

// Up to the zeros that fill it up.
static void add_quoted(struct sok_text *t, const uint8_t *p, size_t len)
{
    while (len > 0 && p[len - 1] == 0)
        len--;
    sok_text_add_char(t, '\'');
    for (size_t i = 0; i < len; i++) {
        if (p[i] >= 0x20 && p[i] < 0x7f && p[i] != '\'')
            sok_text_add_char(t, (char)p[i]);
        else
            sok_text_add(t, "\\x%02x", p[i]);
    }
    sok_text_add_char(t, '\'');
}

void sok_text_field(struct sok_text *t, const struct sok_field *f, const uint8_t *header)
{
    if (!f->bytes)
        add_number(t, f, sok_field_get(f, header));
    else if (f->as == SOK_AS_MAC && f->bits == 48)
        sok_text_add_mac(t, header + f->bit / 8);
    else if (f->as == SOK_AS_IP6 && f->bits == 128)
        sok_text_add_ip6(t, header + f->bit / 8);
    else if (f->as == SOK_AS_TEXT)
        add_quoted(t, header + f->bit / 8, f->bits / 8);
    else
        sok_text_add_hex(t, header + f->bit / 8, f->bits / 8);
}

size_t sok_show_field(char *out, size_t size, const struct sok_field *f, const uint8_t *header)
{
    struct sok_text t = sok_text(out, size);
    sok_text_field(&t, f, header);
    return t.used;
}

// ---- one line ----

const struct sok_layer *sok_show_layer(const struct sok_show *l)
{
    return &l->layers[l->at];
}

const uint8_t *sok_show_header(const struct sok_show *l)
{
    return l->frame + l->layers[l->at].off;
}

// For protocols without a line of their own.
static void line_of_rows(const struct sok_show *l)
{
    const struct sok_proto *proto = sok_show_layer(l)->proto;
    const char *between = " ";
    sok_text_add(l->text, "%s", proto->name);
    for (unsigned i = 0; i < proto->field_count; i++) {
        sok_text_add(l->text, "%s%s ", between, proto->fields[i].name);
        sok_text_field(l->text, &proto->fields[i], sok_show_header(l));
        between = ", ";
    }
    sok_text_add(l->text, ", length %u", sok_show_layer(l)->payload);
}

static void line_speak(const struct sok_show *l)
{
    const struct sok_layer *layer = sok_show_layer(l);
    if (layer->truncated)
        sok_text_add(l->text, "[%s, %u of %u header bytes]", layer->proto->name, layer->header,
            layer->proto->hdr_len);
    else if (layer->proto->line)
        layer->proto->line(l);
    else
        line_of_rows(l);
}

bool sok_show_next(const struct sok_show *l)
{
    struct sok_show next = *l;
    next.at++;
    if (next.at >= l->count || !l->layers[next.at].proto)
        return false;
    line_speak(&next);
    return true;
}

static void add_end(const struct sok_show *below, const char *name)
{
    const struct sok_field *f = sok_proto_field(sok_show_layer(below)->proto, name);
    if (f)
        sok_text_field(below->text, f, sok_show_header(below));
    else
        sok_text_add_str(below->text, "?");
}

void sok_show_ends(const struct sok_show *l, bool has_ports, uint16_t sport, uint16_t dport)
{
    struct sok_show below = *l;
    if (l->at == 0) {
        if (has_ports)
            sok_text_add(l->text, "%u > %u: ", sport, dport);
        return;
    }
    // Extension headers lie between.
    do
        below.at--;
    while (below.at > 0 && !sok_proto_field(sok_show_layer(&below)->proto, "src"));
    add_end(&below, "src");
    if (has_ports) {
        sok_text_add_char(l->text, '.');
        sok_text_add_uint(l->text, sport);
    }
    sok_text_add_str(l->text, " > ");
    add_end(&below, "dst");
    if (has_ports) {
        sok_text_add_char(l->text, '.');
        sok_text_add_uint(l->text, dport);
    }
    sok_text_add_str(l->text, ": ");
}

size_t sok_show_line(char *out, size_t size, const uint8_t *frame, size_t len)
{
    struct sok_layer layers[SOK_LAYERS_MAX];
    struct sok_text t = sok_text(out, size);
    struct sok_show l = {.text = &t, .frame = frame, .layers = layers};
    l.count = sok_dissect(&sok_proto_eth, frame, len, layers);
    line_speak(&l);
    return t.used;
}

// ---- a tree ----

static void tree_fields(struct sok_text *t, const struct sok_field *fields, unsigned count,
    const uint8_t *header, size_t len, const char *indent)
{
    for (unsigned i = 0; i < count && sok_field_end(&fields[i]) <= len; i++) {
        sok_text_add(t, "%s%-10s = ", indent, fields[i].name);
        sok_text_field(t, &fields[i], header);
        sok_text_add_str(t, "\n");
    }
}

static const struct sok_option_kind *option_kind(const struct sok_proto *proto, uint8_t kind)
{
    for (unsigned i = 0; i < proto->option_count; i++) {
        if (proto->options[i].kind == kind)
            return &proto->options[i];
    }
    return NULL;
}

static void tree_option(
    struct sok_text *t, const struct sok_proto *proto, const struct sok_option *opt)
{
    const struct sok_option_kind *k = option_kind(proto, opt->kind);
    size_t width = k && k->field_count ? sok_field_end(&k->fields[k->field_count - 1]) : 0;
    size_t at = 0;
    if (k)
        sok_text_add(t, "    option %s\n", k->name);
    else
        sok_text_add(t, "    option kind %u\n", opt->kind);
    while (width && at + width <= opt->len) {
        tree_fields(t, k->fields, k->field_count, opt->data + at, opt->len - at, "      ");
        at += width;
        if (!k->repeats)
            break;
    }
    if (at < opt->len) {
        sok_text_add(t, "      %-10s = ", at ? "rest" : "value");
        sok_text_add_hex(t, opt->data + at, opt->len - at);
        sok_text_add_str(t, "\n");
    }
}

static void tree_options(
    struct sok_text *t, const struct sok_proto *proto, const uint8_t *p, size_t len)
{
    struct sok_options options = proto->walk ? proto->walk(p, len) : sok_options(p, len);
    struct sok_option opt;
    while (sok_option_next(&options, &opt))
        tree_option(t, proto, &opt);
    if (options.left > 0) {
        sok_text_add(t, "    %-12s = ", "malformed");
        sok_text_add_hex(t, options.at, options.left);
        sok_text_add_str(t, "\n");
    }
}

static void tree_payload(struct sok_text *t, const uint8_t *p, size_t len)
{
    sok_text_add(t, "Payload, %zu bytes\n", len);
    for (size_t row = 0; row < len; row += 16) {
        size_t n = len - row < 16 ? len - row : 16;
        sok_text_add(t, "    %04zx ", row);
        for (size_t i = 0; i < 16; i++)
            sok_text_add(t, i < n ? " %02x" : "   ", i < n ? p[row + i] : 0u);
        sok_text_add_str(t, "  ");
        for (size_t i = 0; i < n; i++)
            sok_text_add_char(t, p[row + i] >= 0x20 && p[row + i] < 0x7f ? p[row + i] : '.');
        sok_text_add_str(t, "\n");
    }
}

// ---- parts ----

#define FIXED_MAX  64
#define ITEMS_ROOM 8192 // for the values of one part
#define TEXT_MOST  256  // bytes of a value that are shown
#define DEEPEST    4    // lists in lists

static void add_item(struct sok_text *t, const struct sok_item *item, unsigned depth)
{
    if (item->type == SOK_ITEM_NUMBER) {
        sok_text_add(t, "%llu", (unsigned long long)item->number);
    } else if (item->type == SOK_ITEM_BYTES) {
        add_quoted(t, item->bytes, item->count < TEXT_MOST ? item->count : TEXT_MOST);
    } else if (item->type == SOK_ITEM_PACKET) {
        sok_text_add(t, "%s ", item->proto->name);
        sok_text_add_hex(t, item->bytes, item->count < TEXT_MOST ? item->count : TEXT_MOST);
    } else if (item->type == SOK_ITEM_LIST && depth > 0) {
        sok_text_add_char(t, '{');
        for (uint32_t i = 0; i < item->count; i++) {
            sok_text_add_str(t, i ? ", " : "");
            add_item(t, &item->list[i], depth - 1);
        }
        sok_text_add_char(t, '}');
    }
}

static void tree_parts(
    struct sok_text *t, const struct sok_proto *proto, const struct sok_span *spans)
{
    _Alignas(struct sok_item) uint8_t memory[ITEMS_ROOM];
    for (unsigned i = 0; i < proto->part_count; i++) {
        const struct sok_part *part = &proto->parts[i];
        struct sok_items items = sok_items(memory, sizeof memory);
        struct sok_item value;
        if (!part->get || !part->get(part, &spans[i], &items, &value))
            value = sok_item_bytes(spans[i].header + spans[i].off, spans[i].len);
        sok_text_add(t, "    %-10s = ", part->name);
        add_item(t, &value, DEEPEST);
        sok_text_add_str(t, "\n");
    }
}

static void tree_layer(struct sok_text *t, const struct sok_layer *layer, const uint8_t *header)
{
    const struct sok_proto *proto = layer->proto;
    sok_text_add(t, "%s (%s), %u bytes%s%s%s\n", proto->title, proto->name, layer->header,
        layer->malformed ? ", malformed" : "", layer->truncated ? ", truncated" : "",
        layer->cut ? ", says it is longer than what is here" : "");
    const struct sok_field *fields = proto->fields;
    unsigned count = proto->field_count;
    if (proto->view && !layer->truncated)
        fields = proto->view(header, layer->header, &count);
    uint8_t gathered[FIXED_MAX];
    struct sok_span spans[SOK_PARTS_MAX];
    bool apart = proto->part_count && !layer->truncated &&
                 sok_proto_fixed(proto, header, layer->header) <= sizeof gathered;
    if (apart)
        sok_parts_find(proto, header, layer->header, gathered, spans);
    tree_fields(t, fields, count, apart ? gathered : header, layer->header, "    ");
    size_t fixed = count ? sok_field_end(&fields[count - 1]) : proto->hdr_len;
    if (proto->options && layer->header > fixed)
        tree_options(t, proto, header + fixed, layer->header - fixed);
    else if (apart && !proto->options)
        tree_parts(t, proto, spans);
}

size_t sok_show_tree(char *out, size_t size, const uint8_t *frame, size_t len)
{
    struct sok_layer layers[SOK_LAYERS_MAX];
    struct sok_text t = sok_text(out, size);
    unsigned count = sok_dissect(&sok_proto_eth, frame, len, layers);
    for (unsigned i = 0; i < count; i++) {
        if (layers[i].proto)
            tree_layer(&t, &layers[i], frame + layers[i].off);
        else
            tree_payload(&t, frame + layers[i].off, layers[i].header);
    }
    return t.used;
}
