// Packets in Lua. A value is a view: a packet that views share, and the layer where this one begins; p[TCP] and
// p.payload are views of the same packet, so that what is set in them is set in p. The first view of a packet owns
// it, the others keep that one alive. Every protocol has metatables of its own, which know the places of its fields.
#ifndef SOK_LUA_PACKET_H
#define SOK_LUA_PACKET_H

#include "craft/packet.h"
#include "lua/internal.h"

struct sok_lua_box {
    struct sok_packet *packet;
    int64_t time_ns;     // when it was captured or sent, since 1970; 0: not known
    uint32_t sniffed_on; // the number of the interface's name; 0: not known
};

struct sok_lua_view {
    uint32_t magic;
    unsigned layer;
    const struct sok_proto *proto; // of that layer, as long as the packet has it there
    struct sok_lua_box *box;
};

// Pushes the name of the interface; NULL: nil.
const char *sok_lua_push_sniffed_on(lua_State *L, uint32_t number); // net.c

// The view at idx, or NULL where it is something else; check: an error that says what is there instead.
struct sok_lua_view *sok_lua_to_view(lua_State *L, int idx);
struct sok_lua_view *sok_lua_check_view(lua_State *L, int idx);
// The protocol that the value at idx is (TCP, not TCP{}), or NULL.
const struct sok_proto *sok_lua_to_proto(lua_State *L, int idx);
// Pushes it as a value of its own, whatever its global has become.
void sok_lua_push_proto(lua_State *L, const struct sok_proto *proto);
// A protocol, or its name; an error otherwise.
const struct sok_proto *sok_lua_check_proto(lua_State *L, int idx);

// The packet at idx and the layer where it begins (p[TCP]: not 0).
struct sok_packet *sok_lua_check_packet(lua_State *L, int idx, unsigned *first);
// Pushes a packet, which is Lua's from now on, also when there is an error. time_ns 0: not known.
void sok_lua_push_packet(lua_State *L, struct sok_packet *packet, int64_t time_ns);
// Pushes what the value at idx means as a packet of its own from layer 0 on: a packet, a protocol, text.
void sok_lua_push_whole(lua_State *L, int idx);
// Pushes a view of another layer of the packet at idx.
void sok_lua_push_layer(lua_State *L, int idx, unsigned layer);
// The bytes of the packet at idx as it would be sent; they stay until the next build. NULL, 0: an error was raised.
const uint8_t *sok_lua_build(lua_State *L, int idx, size_t *len);

struct sok_book *sok_lua_book(lua_State *L);

// Goes through the concrete packets that the value at idx means, sets taken apart: a packet, a list, text. The value
// has to stay where it is. next pushes one and gives true; at the end it pushes nothing.
struct sok_lua_each {
    int idx;
    lua_Integer at; // in a list
    uint64_t i, count;
};
void sok_lua_each_begin(lua_State *L, int idx, struct sok_lua_each *each);
bool sok_lua_each_next(lua_State *L, struct sok_lua_each *each);
uint64_t sok_lua_each_count(lua_State *L, int idx); // how many it will be; UINT64_MAX: that or more
bool sok_lua_each_draws(
    lua_State *L, int idx); // of as many as one: whether it is another each time

// ---- lists (list.c): tables with methods ----

void sok_lua_push_list(lua_State *L);  // pkts: add with lua_rawseti
void sok_lua_push_pairs(lua_State *L); // answered: each {sent, received}
bool sok_lua_is_list(lua_State *L, int idx);
bool sok_lua_is_pairs(lua_State *L, int idx);
void sok_lua_name_list(lua_State *L, const char *name); // the list on top: <NAME: TCP:3 ...>

// ---- values (value.c) ----

// The value at idx as an item, which is good as long as the stack keeps the value and what is pushed here.
void sok_lua_to_item(lua_State *L, int idx, const char *what, struct sok_item *out);
void sok_lua_push_item(lua_State *L, const struct sok_item *item);
// A field of a layer: nil when it is known at build only.
void sok_lua_push_field(
    lua_State *L, const struct sok_packet *p, unsigned layer, const struct sok_slot *slot);
// Row of a fixed part that has it whole (sok_packet_fixed()).
void sok_lua_push_fixed(lua_State *L, const uint8_t *fixed, const struct sok_field *row);
void sok_lua_set_field(
    lua_State *L, struct sok_packet *p, unsigned layer, const struct sok_slot *slot, int idx);

// ---- names of hosts (resolve.c) ----

// The text that was refused as an address is a host's name: looked up, `item` is its address, which lies on the stack.
// False: it is no name. An error that begins with `what` when nobody goes by it.
bool sok_lua_resolve(
    lua_State *L, const struct sok_field *row, const char *what, struct sok_item *item);

// ---- values by chance (random.c) ----

bool sok_lua_is_random(lua_State *L, int idx);
uint64_t sok_lua_random_bits(lua_State *L);
void sok_lua_random_push(lua_State *L, int idx); // one of the values of the table
int sok_lua_random(lua_State *L);

// ---- text: what `write` writes, pushed as a string ----

void sok_lua_push_text(
    lua_State *L, void (*write)(const void *ctx, struct sok_text *out), const void *ctx);

// ---- between packet.c, make.c and methods.c ----

int sok_lua_find_layer(const struct sok_lua_view *v, const struct sok_proto *proto, unsigned nth);
void sok_lua_push_slots_of(lua_State *L, int idx); // of the view at idx: name -> slot
int sok_lua_view_div(lua_State *L);
int sok_lua_view_eq(lua_State *L);
int sok_lua_view_len(lua_State *L);
int sok_lua_view_text(lua_State *L);
int sok_lua_view_compress(lua_State *L); // compress.c
int sok_lua_view_flag(lua_State *L);     // flags.c: p:flag("SA")

void sok_lua_ls_protocol(lua_State *L, const struct sok_proto *proto); // basic.c

// ---- setting up ----

void sok_lua_open_values(lua_State *L);  // value.c
void sok_lua_open_packets(lua_State *L); // make.c: protocols as globals
void sok_lua_add_protocol(lua_State *L, const struct sok_proto *proto);
void sok_lua_open_lists(lua_State *L);   // list.c
void sok_lua_push_methods(lua_State *L); // methods.c: the table of p:NAME()

#endif
