// What messages of neighbour discovery and group membership say besides their target, as one word of the notation and
// back: items with commas, NAME=VALUE, and parts of a value with plus signs.
//
//   with mac=02:00:00:00:00:01,mtu=1500,prefix=2001:db8::/64+LA+86400+14400
//   with to-ex=ff02::1:ff00:2,allow=ff02::5+2001:db8::1
#ifndef SOK_HOST_NOTATION_ICMP6_H
#define SOK_HOST_NOTATION_ICMP6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOK_ICMP6_WITH_MAX 400 // of the text, NUL included

// Whether a type has such items, and a target in bytes 8 to 23.
bool sok_icmp6_has_items(uint8_t type);
bool sok_icmp6_has_target(uint8_t type);
// The items of a message, of which `have` bytes are there. False: it is malformed, or they are too many.
bool sok_icmp6_items(const uint8_t *message, size_t have, char out[SOK_ICMP6_WITH_MAX]);
// Writes them into a message whose first byte is its type; the target is put by the caller. Its length; 0: an item
// is not understood.
#define SOK_ICMP6_ITEMS_ROOM 1024
size_t sok_icmp6_put_items(uint8_t message[SOK_ICMP6_ITEMS_ROOM], const char *items);
// Each item of `want` is one of `got`, in this order.
bool sok_icmp6_items_say(const char *got, const char *want);
// What a drill says of an item, for messages.
extern const char sok_icmp6_items_help[];

// Between the two directions: what records of a listener report and the preferences of a router are called, and whether
// an option of a message is the link address that it has by right.
#define SOK_ICMP6_RECORD_NAMES 7
extern const char *const sok_icmp6_record_names[SOK_ICMP6_RECORD_NAMES];
extern const char *const sok_icmp6_preferences[4];
bool sok_icmp6_is_own_link(uint8_t type, uint8_t kind);

#endif
