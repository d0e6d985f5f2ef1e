// Names and addresses of a host (sockeye/host.h): what gethostbyname() and gethostbyaddr() are to the
// kernel's sockets. Questions leave through the host's own UDP and TCP, to the servers of
// sok_host_dns_add(), else those a DHCP server told, else those of /etc/resolv.conf that are no loopback
// addresses. /etc/hosts and search domains count as always. Time-outs are in real time, also on a host of
// virtual time.
#ifndef SOCKEYE_NAMES_H
#define SOCKEYE_NAMES_H

#include <sockeye/api.h>
#include <sockeye/host.h>

SOK_DECLS_BEGIN

#define SOK_NAME_MAX         256 // a name and NUL
#define SOK_LOOKUP_ADDRS_MAX 16  // more addresses of one name are left out
#define SOK_LOOKUPS_MAX      64  // questions at once

// A server: "192.0.2.53" or "192.0.2.53:5353", "2001:db8::53" or "[2001:db8::53]:5353"; "fe80::1%eth0" on a link of the host's, without
// its name the first. The first one given puts those of the machine aside.
int sok_host_dns_add(struct sok_host *host, const char *server, char *err);

// Reads the machine's files (resolv.conf, nsswitch.conf, hosts) now and for all: for a program that is
// going to give up opening files. Without it they are read when something is looked up.
int sok_host_names_read(struct sok_host *host, char *err);

// The addresses of a name, IPv4 and IPv6, of those that the host has itself (IPv4 if it has none), in the order of
// RFC 6724; an address in figures is its own. Steps the host until there is an
// answer, at most timeout_ns (-1: until the servers have been asked often enough, some 10 s). count: room
// in out, then how many there are. 0; SOK_ENONAME: there is no such name, or it has no address;
// SOK_ETIMEDOUT: no answer; SOK_ENETUNREACH: no server; or another error. err: a line, as in host.h.
int sok_resolve(struct sok_host *host, const char *name, struct sok_addr *out, unsigned *count,
    int64_t timeout_ns, char *err);
// The name of an address; the same errors.
int sok_resolve_addr(struct sok_host *host, struct sok_addr addr, char name[SOK_NAME_MAX],
    int64_t timeout_ns, char *err);

// The same without waiting. fn is called once, from sok_host_step(), and the lookup is gone then; what
// the result points to too. A host that is freed asks no more and calls nobody.
struct sok_lookup_result {
    int err;             // 0, or as above
    const char *message; // a line for err; "" when it is 0
    const char *name;    // the canonical one, or the name of an address
    const struct sok_addr *addrs;
    unsigned count;
};
struct sok_lookup;
typedef void (*sok_lookup_fn)(void *ctx, const struct sok_lookup_result *result);
int sok_lookup_name(struct sok_host *host, const char *name, sok_lookup_fn fn, void *ctx,
    struct sok_lookup **out, char *err);
// Of one family, 4 or 6; 0: as above.
int sok_lookup_name_of(struct sok_host *host, const char *name, unsigned family, sok_lookup_fn fn,
    void *ctx, struct sok_lookup **out, char *err);
int sok_lookup_addr(struct sok_host *host, struct sok_addr addr, sok_lookup_fn fn, void *ctx,
    struct sok_lookup **out, char *err);
// The order in which addresses are to be tried from this host (RFC 6724 section 6), the best first.
void sok_lookup_sort(struct sok_host *host, struct sok_addr *addrs, unsigned count);
// Whether the host has an address of this family, 4 or 6, for more than its own link.
bool sok_lookup_family(const struct sok_host *host, unsigned family);
void sok_lookup_cancel(struct sok_lookup *lookup); // fn is not called

SOK_DECLS_END

#endif
