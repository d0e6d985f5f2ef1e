// Sockets of a host (sockeye/host.h): the calls a program knows, with sok_ before them. Errors are
// negative (sockeye/err.h). A new socket does not block: calls return SOK_EAGAIN or SOK_EINPROGRESS and
// sok_socket_ready() tells what would not. With SOK_OPT_BLOCKING calls step the host until they can
// finish. No call raises a signal.
#ifndef SOCKEYE_SOCKET_H
#define SOCKEYE_SOCKET_H

#include <stdint.h>
#include <sys/uio.h>
#include <sockeye/api.h>
#include <sockeye/group.h>
#include <sockeye/host.h>

SOK_DECLS_BEGIN

struct sok_socket;

enum sok_socket_type {
    SOK_STREAM = 1, // TCP
    SOK_DGRAM = 2,  // UDP
    SOK_ECHO = 3,   // ICMP echo: sok_ping_send(), sok_ping_recv()
    SOK_RAW = 4,    // IPv4 datagrams of one protocol, from sok_socket_raw()
    SOK_PACKET = 5, // frames of links, from sok_socket_packet()
};

// One of the first three.
int sok_socket(struct sok_host *host, enum sok_socket_type type, struct sok_socket **out);
// The handle is gone afterwards. What was sent and the end of it are still delivered while the host is
// stepped (sok_host_linger waits for that); with data unread the peer is reset. NULL is allowed.
void sok_close(struct sok_socket *s);
void sok_abort(struct sok_socket *s); // the same with a reset, at once

// The first endpoint is the socket's own; port 0: one is chosen; address 0.0.0.0: every one of IPv4, :: every one (of
// IPv6 alone: SOK_OPT_V6ONLY). A socket that nobody has bound has ::.
int sok_bind(struct sok_socket *s, const struct sok_endpoint *local);
int sok_connect(struct sok_socket *s, const struct sok_endpoint *remote);
int sok_listen(struct sok_socket *s, int backlog); // again: another backlog
int sok_accept(struct sok_socket *s, struct sok_socket **out);
int sok_getsockname(const struct sok_socket *s, struct sok_endpoint *out);
int sok_getpeername(const struct sok_socket *s, struct sok_endpoint *out);

// Bytes taken, or given; 0 from a stream is its end.
int64_t sok_send(struct sok_socket *s, const void *data, size_t len);
int64_t sok_sendv(struct sok_socket *s, const struct iovec *iov, int count);
int64_t sok_recv(struct sok_socket *s, void *data, size_t len);
int64_t sok_sendto(
    struct sok_socket *s, const void *data, size_t len, const struct sok_endpoint *to);
int64_t sok_recvfrom(struct sok_socket *s, void *data, size_t len, struct sok_endpoint *from);
// What comes with a datagram, and goes with one: UDP's. Of others the stamp and the length alone are known, and nothing
// can be said (SOK_EOPNOTSUPP).
struct sok_dgram_info {
    struct sok_endpoint
        to;        // received: what it was sent to; to send: the source, any address: chosen
    int link;      // received on; to send through; -1: as the routes say
    int ttl, tos;  // to send: -1: the socket's
    int64_t stamp; // received: when, by sok_host_now()
    size_t len;    // received: all of it, also when it was cut
};
int64_t sok_recvfrom_info(struct sok_socket *s, void *data, size_t len, struct sok_endpoint *from,
    struct sok_dgram_info *info);
int64_t sok_sendto_info(struct sok_socket *s, const void *data, size_t len,
    const struct sok_endpoint *to, const struct sok_dgram_info *info);
// With SOK_OPT_RECVERR: what others said about datagrams that were sent, the oldest first. What is known of the datagram's
// data goes into data; SOK_EAGAIN: nothing was said. The pending error is that of the next one then.
struct sok_dgram_news {
    int err;                // SOK_EREFUSED, SOK_EHOSTUNREACH, SOK_EMSGSIZE, ...
    struct sok_endpoint to; // whom the datagram was for
    struct sok_addr from;   // who said it
    uint8_t type, code;     // of ICMP
    uint32_t mtu;           // SOK_EMSGSIZE: what it may have
    size_t len;             // all that is known of the data, also when it was cut
    bool local;             // nobody said it: it was refused here with SOK_EMSGSIZE, and never went
};
int64_t sok_recv_news(struct sok_socket *s, void *data, size_t len, struct sok_dgram_news *news);
// What sok_sendto() of a datagram would say at once: no route, or a broadcast address that it may not use. 0: nothing.
int sok_sendto_check(struct sok_socket *s, const struct sok_endpoint *to);
// The same, and all that was given until now is urgent: the peer is told where that ends, nothing overtakes.
int64_t sok_send_urgent(struct sok_socket *s, const void *data, size_t len);
int sok_shutdown(struct sok_socket *s); // no more to send: the peer reads the end of the stream

// Receiving from a stream without a copy: shows the bytes at the front, in at most *count pieces (set to
// how many there are), valid until they are consumed. 0: the end of the stream.
int64_t sok_peek(struct sok_socket *s, struct iovec *iov, int *count);
int sok_consume(struct sok_socket *s, size_t len);
// Sending to a stream without a copy: memory to write into, *len bytes wanted, made less when the send
// buffer has less room. NULL: *err says why (SOK_EAGAIN: no room now). Then commit what was written; a
// commit of 0 bytes gives the memory back.
void *sok_reserve(struct sok_socket *s, size_t *len, int *err);
int64_t sok_commit(struct sok_socket *s, size_t len);

// Raw IPv4, as raw(7): sok_sendto() and sok_recvfrom() with datagrams of this protocol (1 to 255), ports left 0.
// What is received begins with its IPv4 header, and is a copy also of what the host has a use for itself (TCP, UDP,
// ICMP, each whole). What is sent gets a header, and is cut if it is too large for its way; with SOK_OPT_HDRINCL it
// begins with one, in which total length and checksum are filled in, source and identification where they are 0
// (SOK_EMSGSIZE over the link's MTU). Protocol 255 only sends, with a header. A connected socket hears its peer alone,
// and of errors.
int sok_socket_raw(struct sok_host *host, int protocol, struct sok_socket **out);
// The same of IPv6, as RFC 3542: what is received begins behind its headers, what is sent gets one.
int sok_socket_raw6(struct sok_host *host, int protocol, struct sok_socket **out);

// Of raw sockets of ICMP and ICMPv6: which types are kept away, bit type % 32 of blocked[type / 32]; at first none. Of ICMP only
// those below 32 can be. SOK_EOPNOTSUPP: another kind of socket.
int sok_icmp_filter(struct sok_socket *s, const uint32_t blocked[8]);
int sok_icmp_filter_get(const struct sok_socket *s, uint32_t blocked[8]);

// Frames, as packet(7): whole, or without the link's header (cooked). SOK_PACKET_ALL as type: of every type, and also
// what this host sends; else received frames of this type. On a link without Ethernet (tun) a frame is an IP packet.
// Super-frames are one frame each. Send: a whole frame as it is to leave; cooked: to->mac and to->type make the
// header.
enum sok_packet_kind { // as PACKET_HOST and so on in <linux/if_packet.h>
    SOK_PACKET_FOR_US = 0,
    SOK_PACKET_BROADCAST = 1,
    SOK_PACKET_MULTICAST = 2,
    SOK_PACKET_FOR_OTHERS = 3,
    SOK_PACKET_OUTGOING = 4,
};
#define SOK_PACKET_ALL       3    // ETH_P_ALL
#define SOK_PACKET_ALL_LINKS (-1) //
struct sok_packet_addr {
    int link;       // as sok_host_link_add() gave it, 0: the loopback
    uint16_t type;  // Ethernet's: 0x0800
    uint8_t kind;   // enum sok_packet_kind
    uint8_t mac[6]; // received: of who sent it; to send: of who is to have it
};
int sok_socket_packet(struct sok_host *host, uint16_t type, int cooked, struct sok_socket **out);
int sok_packet_bind(struct sok_socket *s, int link, uint16_t type); // type 0: nothing is received
// to NULL: the link bound to.
int64_t sok_packet_sendto(
    struct sok_socket *s, const void *data, size_t len, const struct sok_packet_addr *to);
int64_t sok_packet_recvfrom(
    struct sok_socket *s, void *data, size_t len, struct sok_packet_addr *from);
// What a link is. SOK_ENODEV: there is none of this number.
#define SOK_PACKET_NAME_MAX 32
struct sok_packet_link {
    char name[SOK_PACKET_NAME_MAX]; // "tap:tap0"
    uint8_t mac[6];
    uint8_t ethernet; // 0: frames are IP packets
    uint16_t mtu;
};
int sok_packet_link(const struct sok_host *host, int link, struct sok_packet_link *out);

// Multicast, of datagram and raw sockets: what a socket hears, and how it sends (sockeye/group.h). SOK_EINVAL: no
// group, or a filter of the other kind; SOK_EADDRINUSE: it is in the group; SOK_EADDRNOTAVAIL: it is not; SOK_ENOBUFS:
// too many groups or sources. To share a port with others, SOK_OPT_REUSEADDR before sok_bind().
int sok_group(struct sok_socket *s, const struct sok_group_change *change);
// A group's whole filter at once: exclude, all sources but these, or include, these alone (none: leave).
int sok_group_filter(struct sok_socket *s, int link, const struct sok_addr *group, bool exclude,
    const struct sok_addr *sources, unsigned count);
// *count: room in sources, then how many there are.
int sok_group_filter_get(const struct sok_socket *s, int link, const struct sok_addr *group,
    bool *exclude, struct sok_addr *sources, unsigned *count);
int sok_multicast_set(struct sok_socket *s, const struct sok_multicast_opts *opts);
int sok_multicast_get(const struct sok_socket *s, struct sok_multicast_opts *opts);

enum sok_poll {
    SOK_POLL_IN = 1,    // recv, accept: data, the end of the stream, or an error
    SOK_POLL_OUT = 2,   // send takes at least one byte; connect has ended
    SOK_POLL_ERROR = 4, // SOK_OPT_ERROR has one
    SOK_POLL_HUP = 8,   // both directions are over
    SOK_POLL_URGENT =
        16, // urgent data is still to be read, or to come: as POLLPRI with SO_OOBINLINE
};
unsigned sok_socket_ready(const struct sok_socket *s);
// Steps the host until one of the wanted is so, or an error or the end is; at most timeout_ns (-1: no
// limit). What is ready; SOK_ETIMEDOUT.
int sok_wait(struct sok_socket *s, unsigned want, int64_t timeout_ns);
// Called from sok_host_step() when readiness changed, or more of the same came. NULL: nobody.
void sok_socket_notify(
    struct sok_socket *s, void (*fn)(void *ctx, struct sok_socket *s), void *ctx);

enum sok_socket_option {
    SOK_OPT_ERROR = 1, // get: takes the pending error, 0 when there is none
    SOK_OPT_BLOCKING,  // 0, 1
    SOK_OPT_TIMEOUT, // ns a blocking call waits, then SOK_EAGAIN (connect: SOK_ETIMEDOUT); 0: no limit
    SOK_OPT_NODELAY,      // 0, 1
    SOK_OPT_CORK,         // 0, 1
    SOK_OPT_KEEPALIVE,    // 0, 1
    SOK_OPT_LINGER_ZERO,  // 1: close resets
    SOK_OPT_RCVBUF,       // bytes; of datagrams with their overhead
    SOK_OPT_SNDBUF,       // bytes; of datagrams: kept, no more
    SOK_OPT_TTL,          // stream, datagram, raw
    SOK_OPT_TOS,          // stream, datagram, raw
    SOK_OPT_USER_TIMEOUT, // ns
    SOK_OPT_QUICKACK,     // 0, 1
    SOK_OPT_CONGESTION,   // 0 CUBIC, 1 NewReno
    SOK_OPT_LINGER, // ns that a close has until all is acknowledged, then the peer is reset; 0: no limit
    SOK_OPT_FASTOPEN, // 1, before connect: what is sent first goes with the SYN, if the server gave leave before
    SOK_OPT_HDRINCL, // raw: 0, 1
    SOK_OPT_STAMP, // get; raw, packet: when what was received last came, by sok_host_now(); 0: nothing yet
    SOK_OPT_REUSEADDR, // 0, 1, before bind: others that say so too may have the same, if none listens
    SOK_OPT_KEEPIDLE,  // ns without a segment until the first keep-alive, 1 s to 32767 s
    SOK_OPT_KEEPINTVL, // ns between keep-alives
    SOK_OPT_KEEPCNT,   // unanswered ones until the peer is dead
    SOK_OPT_BROADCAST, // 0, 1: may send to a broadcast address (else SOK_EACCES); datagram, raw
    SOK_OPT_REUSEPORT, // 0, 1, before bind: others that say so too share the port, listening ones as well; each sender
                       // or connection goes to one of them
    SOK_OPT_MAXSEG, // bytes of a segment that are asked for and sent at most, 88 to 32767, before connect or listen;
    // 0: as the way allows; get: what is sent at most
    SOK_OPT_WINDOW_CLAMP, // bytes that the window never goes above; 0: no limit
    SOK_OPT_NOTSENT_LOWAT, // bytes given and not sent yet, of which SOK_POLL_OUT comes below; 0: no limit
    SOK_OPT_SYNCNT,        // SYNs sent again at most, 1 to 127
    SOK_OPT_LINGER2,       // ns that a closed connection waits for the peer's end; -1: not at all
    SOK_OPT_DEFER_ACCEPT, // ns, of a listener: connections are accepted when they have sent something, or so much later
    SOK_OPT_RECVERR, // 0, 1: what ICMP says of an open connection is told by the next call, and it goes on; of datagrams
    // all that it says is, also to unconnected sockets, and kept for sok_recv_news()
    SOK_OPT_V6ONLY, // 0, 1, before bind; stream, datagram: :: is not every address of IPv4 too, and IPv4 is out of reach
    SOK_OPT_BINDTODEVICE, // the number of a link, 0: the loopback; -1: none. What came by others it does not hear, what it
    // sends leaves there; stream, datagram, raw
    SOK_OPT_MTU_DISCOVER, // what becomes of what is too large for its way, numbered as IP_MTU_DISCOVER in ip(7): 0 DONT, it is cut here
    // and on the way; 1 WANT (so at first), here; 2 DO, SOK_EMSGSIZE; 3 PROBE, 4 INTERFACE, 5 OMIT
    SOK_OPT_MTU_DISCOVER6, // the same of IPv6
    SOK_OPT_DONTFRAG,      // 0, 1: datagrams of IPv6 are not cut: SOK_EMSGSIZE
    SOK_OPT_MTU, // get; connected: bytes that an IP packet on its way may have, as far as is known; else SOK_ENOTCONN
};
int sok_setsockopt(struct sok_socket *s, enum sok_socket_option option, int64_t value);
int sok_getsockopt(struct sok_socket *s, enum sok_socket_option option, int64_t *value);

// What keeps a stream from sending more. At every moment it is one of these.
enum sok_limit {
    SOK_LIMIT_HANDSHAKE,   // not open yet
    SOK_LIMIT_APPLICATION, // it gives nothing more to send
    SOK_LIMIT_SEND_BUFFER, // all in it is on its way, and there is no room in it
    SOK_LIMIT_NAGLE,       // or SOK_OPT_CORK: a small segment waits for more
    SOK_LIMIT_RECEIVER,    // its window
    SOK_LIMIT_CWND,        // the congestion window
    SOK_LIMIT_RECOVERY,    // what was lost is being mended
    SOK_LIMIT_PACING,      // there is none yet
    SOK_LIMIT_LINK,        // its turn on the link, or the neighbour's address
};
#define SOK_LIMITS 9
const char *sok_limit_text(enum sok_limit limit); // "congestion window"

// What a stream says of itself. Times in ns, sizes in bytes; 0 where nothing is known yet.
struct sok_info {
    const char *state;                   // "ESTABLISHED"
    const char *congestion;              // "cubic"
    int64_t rtt, rtt_var, rtt_min, rto;  // RFC 6298
    uint32_t cwnd, ssthresh;             // ssthresh UINT32_MAX: none yet
    uint32_t send_mss, recv_mss;         // payload of a full segment; ours, the peer's
    uint32_t send_window, recv_window;   // what the peer offers; what is offered to it
    uint32_t send_queued;                // in the send buffer,
    uint32_t send_unacked, send_unsent;  // of these on their way; not sent yet
    uint32_t sacked, lost;               // of those on their way: arrived; held to be lost
    uint32_t recv_queued, recv_early;    // to be read; held, for bytes before them are missing
    uint64_t bytes_sent, bytes_acked;    // once each
    uint64_t bytes_again;                // sent more than once
    uint64_t bytes_spurious;             // of these for nothing: the peer had them (RFC 2883)
    uint64_t bytes_received;             // in order
    uint64_t segments_out, segments_in;  //
    uint32_t timeouts, fast_retransmits; //
    uint32_t tail_probes;                // RFC 8985 7
    uint32_t undone;                     // reductions of cwnd taken back, for nothing was lost
    uint8_t send_shift, recv_shift;      // window scales
    uint8_t sack, timestamps;            // agreed on
    uint8_t reordering;                  // the network was seen to reorder
    uint8_t delivery_rate_limited;       // the application gave less than might have arrived
    uint64_t delivery_rate;              // bytes a second that arrived of late
    enum sok_limit limit;                // now
    int64_t age;                         // since it began, until it was over,
    int64_t limited[SOK_LIMITS];         // the sum of these: by what, how long
};
int sok_getinfo(const struct sok_socket *s, struct sok_info *out); // SOK_ENOTCONN, SOK_EOPNOTSUPP

// A real file descriptor for a connected or connecting stream: read, write, poll, shutdown and close of
// it are the stream's, while the host is stepped. The host serves it until it is closed; the handle s is
// gone. Polls writable once connected; a reset by the peer reads as ECONNRESET. A negative error leaves
// s as it was.
int sok_socket_fd(struct sok_socket *s);
// The descriptor reads ECONNRESET for every error; with which the last one on this host ended: SOK_ETIMEDOUT,
// SOK_ELINKDOWN, ... 0: none did.
int sok_host_stream_error(const struct sok_host *host);

struct sok_ping_reply {
    struct sok_addr from;
    int err; // 0: a reply; else what somebody (from) says about this echo
    uint16_t seq;
    uint8_t ttl;
    uint8_t icmp_type, icmp_code;
    int64_t rtt_ns;
    uint32_t len; // bytes of payload that came back
};
// ttl 0: the default.
int sok_ping_send(struct sok_socket *s, const struct sok_addr *to, uint16_t seq, const void *data,
    size_t len, uint8_t ttl);
// The same with a zone, for link-local addresses and groups; the port is of no use.
int sok_ping_sendto(struct sok_socket *s, const struct sok_endpoint *to, uint16_t seq,
    const void *data, size_t len, uint8_t ttl);
int sok_ping_recv(struct sok_socket *s, struct sok_ping_reply *out);

SOK_DECLS_END

#endif
