// A host: one TCP/IP stack with its links, its clock and its loop. Several hosts live in one process.
//
// Threads: a host, its sockets, its descriptors and its lookups belong to one thread: the one that made it, until
// another calls sok_host_take(); hosts joined by sok_host_link_pair() share a loop and belong to the same one. Nothing
// in the library is shared between hosts, so hosts in different threads need no locks. Builds with assertions check it:
// a call from another thread says so on stderr and aborts. To wake a host from another thread, give it a descriptor to
// watch (sok_host_watch) and write to that. Callbacks come in the host's thread, from inside sok_host_step() or a call
// that waits; they may call anything but what steps, waits, or frees the host.
//
// Nothing happens behind the program's back: packets move while the program
// is inside sok_host_step(), or inside a call on a blocking socket (sockeye/socket.h), which steps too.
//
//   struct sok_host *host;
//   sok_host_new(NULL, &host, err);
//   sok_host_link_add(host, &(struct sok_host_link){.size = sizeof(struct sok_host_link),
//       .spec = "lan:a", .addrs = (const char *const[]){"192.0.2.2/24", NULL}}, err);
//   while (...)
//       sok_host_step(host, -1);
#ifndef SOCKEYE_HOST_H
#define SOCKEYE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sockeye/api.h>
#include <sockeye/addr.h>
#include <sockeye/err.h>

SOK_DECLS_BEGIN

struct sok_host;

// Calls that can fail for a reason outside (a device, a privilege, a word mistyped) write one line that
// says what to do into err, SOK_HOST_ERR_MAX bytes; err may be NULL.
#define SOK_HOST_ERR_MAX 256

struct sok_host_config {
    size_t size;       // sizeof(struct sok_host_config)
    bool virtual_time; // time stands still while the host works, and jumps to the next deadline
                       // where a real host would sleep
    int64_t start_ns;  // virtual time begins here
    int64_t spin_ns;   // look for work this long before sleeping; waking up costs some 35 us
    bool has_seed;     // everything random comes from seed; else from the operating system
    uint64_t seed;
    const char *const
        *settings; // "NAME=VALUE", NULL at the end (sockeye get --set help lists them)
};
void sok_host_config_default(struct sok_host_config *config);

// config NULL: the defaults.
int sok_host_new(const struct sok_host_config *config, struct sok_host **out, char *err);
// Every socket, link and connection goes, without a packet (see sok_host_linger). NULL is allowed.
void sok_host_free(struct sok_host *host);
// The calling thread has the host from now on, and those that share its loop. The one before must not be inside a call.
void sok_host_take(struct sok_host *host);

struct sok_host_link {
    size_t size;              // sizeof(struct sok_host_link)
    const char *spec;         // "share", "tap", "tap:NAME", "tun", "lan:NAME", "packet:IF", "user"
                              // (share and user need neither addrs nor gateway)
    const char *const *addrs; // "192.0.2.1/24", NULL at the end; or NULL: none yet
    const char *
        gateway; // "192.0.2.254": the default route; "192.0.2.254,2001:db8::1": of both families; or NULL
    const char *mac;    // "02:00:00:00:00:01"; NULL: a random one
    uint16_t mtu;       // 0: 1500
    bool no_offload;    // no super-frames, no checksums left to the device
    const char *impair; // "loss=1%,delay=20ms,..."; or NULL
    uint16_t vlan;      // 802.1Q: the tag put on and expected, 1 to 4094; 0: none
    const char *const
        *routes; // "198.51.100.0/24", "198.51.100.0/24,192.0.2.254", NULL at the end; or NULL
    bool dhcp;   // address, gateway, DNS and MTU from a DHCP server
    bool slaac;  // IPv6 addresses, router, DNS and MTU from what routers say (RFC 4862)
};
// Its index, 1 and up. Addresses on links that others share cannot be used at once: see sok_host_ready.
int sok_host_link_add(struct sok_host *host, const struct sok_host_link *link, char *err);
// A wire in memory between two hosts; spec is not looked at. From then on they share one loop and one
// clock: stepping either steps both. Both must be of the same kind of time. 0, or a negative enum sok_err, and err
// says what is wrong.
int sok_host_link_pair(struct sok_host *a, const struct sok_host_link *la, struct sok_host *b,
    const struct sok_host_link *lb, char *err);
int sok_host_addr_add(struct sok_host *host, int link, const char *cidr, char *err);
int sok_host_gateway_add(struct sok_host *host, int link, const char *gateway, char *err);
int sok_host_route_add(struct sok_host *host, int link, const char *route, char *err);

// An address on a link where others may have it already is asked about first (RFC 5227), and one from a DHCP
// server has to come. Steps until all can be used, at most timeout_ns (-1: as long as the setting dhcp_wait
// says; what routers say is waited for a second where there is another address, and so are the name servers of
// DHCPv6 where a router speaks of it; without these, too, it is ready). 0; SOK_EADDRINUSE: err says who has it;
// SOK_ETIMEDOUT; SOK_ELINKDOWN.
int sok_host_ready(struct sok_host *host, int64_t timeout_ns, char *err);
// fn is called from sok_host_step(), once, when an address that was given by hand turns out to be somebody
// else's after all; line says whose. It is no longer used then, and connections on it have ended.
void sok_host_on_lost(struct sok_host *host, void (*fn)(void *ctx, const char *line), void *ctx);
// fn is called from sok_host_step() when the interface of a link goes down, is up again, or is gone for good:
// then everything over it has ended with SOK_ELINKDOWN.
void sok_host_on_link(struct sok_host *host, void (*fn)(void *ctx, const char *line), void *ctx);
// Its last link is gone for good: nothing can come any more.
bool sok_host_cut_off(const struct sok_host *host);

// DHCP (RFC 2131): a lease is renewed while the host is stepped.
#define SOK_HOST_LEASE_DNS_MAX    4
#define SOK_HOST_LEASE_SEARCH_MAX 6
#define SOK_HOST_LEASE_NAME_MAX   254
struct sok_host_lease {
    struct sok_addr addr, server, router; // router 0.0.0.0: none
    unsigned prefix_len, mtu;             // mtu 0: not said
    unsigned dns_count, search_count;
    struct sok_addr dns[SOK_HOST_LEASE_DNS_MAX];
    char domain[SOK_HOST_LEASE_NAME_MAX];
    char search[SOK_HOST_LEASE_SEARCH_MAX][SOK_HOST_LEASE_NAME_MAX];
    int64_t left_ns;  // -1: for ever
    unsigned changes; // counts up with every change of the above
};
int sok_host_dhcp_start(struct sok_host *host, int link, char *err);
bool sok_host_lease(
    const struct sok_host *host, int link, struct sok_host_lease *out); // false: none

// IPv6 addresses from what routers say (RFC 4862), stable and temporary; kept while the host is stepped.
struct sok_host_slaac {
    struct sok_addr addr, local, router; // addr: the stable global one; local: of the link
    unsigned mtu;                        // 0: not said
    unsigned dns_count, search_count;
    struct sok_addr dns[8];
    char search[SOK_HOST_LEASE_SEARCH_MAX][SOK_HOST_LEASE_NAME_MAX];
    unsigned changes; // counts up with every change of the above
};
int sok_host_slaac_start(struct sok_host *host, int link, char *err);
bool sok_host_slaac(
    const struct sok_host *host, int link, struct sok_host_slaac *out); // false: no address yet
// Gives leased addresses back. Call it when everything is closed, before sok_host_free().
void sok_host_release(struct sok_host *host);

// One turn of the loop: take in what arrived, send what is due; when there was nothing to do, sleep
// until there is, at most timeout_ns (-1: no limit), and do that. Above 0: something was done;
// 0: nothing was (time is over, or a signal came); or a negative error.
int sok_host_step(struct sok_host *host, int64_t timeout_ns);
// For another loop around this one: step when fd is readable, and at the deadline at the latest.
int sok_host_fd(const struct sok_host *host);
int64_t sok_host_deadline(
    const struct sok_host *host);                  // on sok_host_now()'s clock; INT64_MAX: none
int64_t sok_host_now(const struct sok_host *host); // ns; starts anywhere, never goes back
// Steps until what the program closed has been delivered (or given up), at most timeout_ns. 0, or
// SOK_ETIMEDOUT.
int sok_host_linger(struct sok_host *host, int64_t timeout_ns);

// Other descriptors in the same loop. fn is called from sok_host_step() while fd is ready (level
// triggered; a regular file always is). want: SOK_POLL_IN and SOK_POLL_OUT (sockeye/socket.h); again for
// the same fd changes it. Take a descriptor out before closing it.
typedef void (*sok_watch_fn)(void *ctx, int fd, unsigned ready);
int sok_host_watch(struct sok_host *host, int fd, unsigned want, sok_watch_fn fn, void *ctx);
void sok_host_unwatch(struct sok_host *host, int fd);

// The errno for an error of this library (ECONNREFUSED for SOK_EREFUSED), 0 for 0 and above; and back
// (SOK_EIO when there is none).
int sok_errno(int err);
int sok_from_errno(int errno_value);

SOK_DECLS_END

#endif
