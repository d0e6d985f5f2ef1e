// What a program's side (the preload library, or the notifier for programs that no library reaches) and a
// host's side say to each other when the sockets of a program are a host's.
//
// A socket of the program is a real descriptor: one end of an AF_UNIX pair whose other end the host holds.
// Bytes go through that pair alone. Everything else (connect, names, options) is a request, and a request
// names the socket by the SO_COOKIE of the program's end: unique while the machine runs, the same in every
// process that has the descriptor, known again after exec.
//
// Requests travel on a channel: a SOCK_SEQPACKET pair, one per thread. Who wants a channel makes the pair
// and sends one end (SCM_RIGHTS, with one byte) through the door: a SOCK_SEQPACKET connection that a
// process keeps over fork, exec, setuid and chroot. Nothing is ever read from a door, so many may hold it.
//
//   SOCKEYE_DOOR=PATH:FD:COOKIE     in the environment: where the host listens for doors, and the door that
//                                   is open already, if descriptor FD still is the socket with that cookie
//
// A request is one packet: struct sok_calls_request, then `len` bytes. The reply is one packet: struct
// sok_call_reply, then `len` bytes; a descriptor comes with it where noted. Replies may come in another
// order. Both sides are of one build (SOK_CALLS_VERSION): native byte order and layout. The host trusts
// nothing in a request; addresses are struct sockaddr_in or sockaddr_in6 as the program gave them.
#ifndef SOK_CALLS_PROTOCOL_H
#define SOK_CALLS_PROTOCOL_H

#include <stdint.h>

#define SOK_CALLS_VERSION   4
#define SOK_CALLS_BYTES_MAX 4096 // of what follows a call or a reply
#define SOK_CALLS_ENV       "SOCKEYE_DOOR"

// X(name, what is in a, b, c and the bytes -> what comes back)
#define SOK_CALLS_OPS(X)                                                                                   \
    X(HELLO)     /* a version, b pid; the program's name -> struct sok_calls_welcome */                    \
    X(SOCKET)    /* a domain, b type (no flags), c protocol -> fd; struct sok_calls_socket */              \
    X(LOOK)      /* -> struct sok_calls_socket; ENOTSOCK: not one of this host's */                        \
    X(BIND)      /* address */                                                                             \
    X(CONNECT)   /* a: sok_calls_connect; address. EINPROGRESS */                                          \
    X(LISTEN)    /* a backlog */                                                                           \
    X(NAME)      /* -> address */                                                                          \
    X(PEER)      /* -> address */                                                                          \
    X(SETOPT)    /* a level, b name; the value */                                                          \
    X(GETOPT)    /* a level, b name, c bytes wanted -> the value */                                        \
    X(ERROR)     /* -> result: -errno why the pair is broken; 0: no more than that */                      \
    X(LOOKUP)    /* a family (0: any); a name -> struct sok_calls_names */                                 \
    X(REVERSE)   /* address -> its name, with a 0 at the end */                                            \
    X(LIST)      /* a: the id after which rows are wanted -> rows.h, as many as fit; 0: no more */         \
    X(KILL)      /* a row's id: the connection is aborted, the listener closed */                          \
    X(ABOUT)     /* -> text: the host's links and addresses, a line each */                                \
    X(DEVICE)    /* a: a request of netdevice(7); struct ifreq -> struct ifreq */                          \
    X(ADDRESSES) /* -> struct sok_calls_address, of all links */                                           \
    X(RING)      /* -> fd: the memory of a packet socket's ring */                                         \
    X(STOP)      /* the host goes (sockeye up) */                                                          \
    X(BEGIN) /* tracing: call a begins; c 1: what it writes to the socket waits for END or GO; its text */ \
    X(GO)  /* tracing: call a waits itself: what it wrote may go */                                        \
    X(END) /* tracing: call a has ended with c, b errno; more text */

enum sok_calls_op {
#define SOK_X(name) SOK_CALLS_##name,
    SOK_CALLS_OPS(SOK_X)
#undef SOK_X
        SOK_CALLS_COUNT
};

// Of CONNECT. WAIT: the answer comes when it has ended. GIVE_UP: who waits over this channel does not any more
// (a signal, SO_SNDTIMEO); that request is answered with ECANCELED, unless its answer is on its way.
enum sok_calls_connect { SOK_CALLS_CONNECT_NOW, SOK_CALLS_CONNECT_WAIT, SOK_CALLS_CONNECT_GIVE_UP };

const char *sok_calls_op_text(uint32_t op); // "CONNECT"; "?"

struct sok_calls_request {
    uint32_t id; // of the asker's choice; 0: no answer is wanted
    uint32_t op; // enum sok_calls_op
    uint64_t cookie;
    int32_t a, b, c;
    uint32_t len;
};

struct sok_calls_reply {
    uint32_t id;
    int32_t result; // 0 and above, or -errno
    uint32_t len;
};

struct sok_calls_welcome {
    uint32_t version;
    uint8_t trace;    // BEGIN and END are wanted, for every call on sockets
    uint8_t loopback; // 127.0.0.0/8 is the host's own; else sockets to it are the kernel's
    uint8_t reserved[2];
};

// What a socket is at present. Kinds say how bytes travel in the pair.
enum sok_calls_kind {
    SOK_CALLS_STREAM = 1, // plain bytes
    SOK_CALLS_LISTENER,   // records of struct sok_calls_accepted, each with a descriptor
    SOK_CALLS_DGRAM, // packets, each with struct sok_calls_packet in front, both ways: UDP, raw, packet
};

enum sok_calls_state {
    SOK_CALLS_IDLE,       // a stream that is neither connected nor listening
    SOK_CALLS_CONNECTING, //
    SOK_CALLS_OPEN,       // connected or once was; a datagram socket always is
};

struct sok_calls_socket {
    uint64_t cookie;
    uint8_t kind, state;
    uint8_t bound, connected;
    int32_t domain, type, protocol;
    uint8_t ring, reserved[3]; // packets go into memory that is shared
};

// A connecting stream's pair has a small send buffer; the program's side sets this one when it sees that the
// connection is open.
#define SOK_CALLS_PAIR_BUFFER (4 << 20)

#define SOK_CALLS_ADDR_MAX 28 // sockaddr_in6

// The program's side writes one byte into the pair of a connection that it takes: one that nobody took is reset.
struct sok_calls_accepted {
    uint64_t cookie;
    uint32_t peer_len, name_len;
    uint8_t peer[SOK_CALLS_ADDR_MAX], name[SOK_CALLS_ADDR_MAX];
};

// Options about the pair. PLAIN (set, 1): packets of a connected socket have no head, for who cannot take it
// off. QUEUED (get): bytes sent and not acknowledged yet, as SIOCOUTQ. SEND (set): a packet with its head, past
// the pair: how a connected plain socket sends to somebody else. WAY (set, an address; c: 0 or its bytes): an error if a
// datagram to it, or without one to the peer, could not even leave, or may not be cut (IP_MTU_DISCOVER) and would have to be. NEWS (get): the oldest in the queue of errors, struct sok_calls_news and data; EAGAIN.
#define SOK_CALLS_LEVEL        (-1)
#define SOK_CALLS_LEVEL_PLAIN  1
#define SOK_CALLS_LEVEL_QUEUED 2
#define SOK_CALLS_LEVEL_SEND   3
#define SOK_CALLS_LEVEL_WAY    4
#define SOK_CALLS_LEVEL_NEWS   5

// Of packet sockets. A filter (SO_ATTACH_FILTER) comes in parts, instructions of struct sock_filter: FILTER (set; c: which
// of them is the first), then the option without a value. A ring (PACKET_RX_RING): first its memory comes through the pair, a
// memfd that cannot shrink, with a head alone (SCM_RIGHTS), then the option. A packet of a head without an address says
// that there is something in the ring; who has taken it out says so (RINGLOOK, set), and gets another, if there is.
#define SOK_CALLS_LEVEL_FILTER   6
#define SOK_CALLS_LEVEL_RINGLOOK 7

// Control messages of datagrams: what a program wants to come along (options of its socket); of those that go, what
// it gave.
enum sok_calls_wanted {
    SOK_WANT_PKTINFO = 1,
    SOK_WANT_TTL = 2,
    SOK_WANT_TOS = 4,
    SOK_WANT_STAMP = 8,     // SO_TIMESTAMP
    SOK_WANT_STAMP_NS = 16, // SO_TIMESTAMPNS
    SOK_WANT_PKTINFO6 = 32,
    SOK_WANT_HOPLIMIT = 64,
    SOK_WANT_TCLASS = 128,
    SOK_WANT_AUXDATA = 256,       // PACKET_AUXDATA
    SOK_WANT_HOPLIMIT_2292 = 512, // under the name of RFC 2292
};

// In front of every packet. To the host: len 0: to the connected peer. From the host: who sent it;
// error above 0: no packet, but an errno for the next call that receives or sends.
struct sok_calls_packet {
    uint32_t error;
    uint32_t len;
    uint8_t addr[SOK_CALLS_ADDR_MAX];
    uint32_t wanted;      // enum sok_calls_wanted: which of these there are
    uint8_t local[16];    // sent to; to send: the source, all 0: chosen
    int16_t index;        // of the interface; 0: none
    int16_t ttl, tos;     //
    int16_t net;          // of packet sockets: where the network's header begins; bytes there were,
    uint32_t whole, kept; // and bytes that a filter wanted of them
    int64_t stamp;        // CLOCK_REALTIME, ns
};

// What somebody said about a datagram that was sent (MSG_ERRQUEUE); data follows.
struct sok_calls_news {
    uint32_t error, info; // an errno; the MTU of EMSGSIZE
    uint32_t len;         // of the data
    uint8_t type, code;
    uint8_t v6;                       // the error is ICMPv6's,
    uint8_t of6;                      // the socket is of IPv6
    uint8_t to_len, from_len;         // addresses:
    uint8_t local;                    // nobody said it: refused here
    uint8_t pad;                      //
    uint8_t to[SOK_CALLS_ADDR_MAX];   // whom the datagram was for
    uint8_t from[SOK_CALLS_ADDR_MAX]; // who said it
};

struct sok_calls_address {
    uint8_t addr[16]; // IPv4 mapped
    uint8_t prefix_len, index;
    uint8_t pad[2];
};
#define SOK_CALLS_ADDRESSES_MAX (SOK_CALLS_BYTES_MAX / sizeof(struct sok_calls_address))

struct sok_calls_names {
    uint32_t count;
    char canonical[256];
    struct {
        uint16_t family;
        uint8_t addr[16];
    } addrs[32];
};

#endif
