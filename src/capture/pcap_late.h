// libpcap, loaded when a filter is compiled or a file of its own format is read.
//
// Who includes this instead of <pcap/pcap.h> calls its functions by their names, with the types checked. Before
// sok_pcap_load() has said yes none of them may be called.
#ifndef SOK_CAPTURE_PCAP_LATE_H
#define SOK_CAPTURE_PCAP_LATE_H

#include <pcap/pcap.h>
#include <stdbool.h>

// All that are used.
#define SOK_PCAP_CALLS(X)                                                                          \
    X(bpf_filter)                                                                                  \
    X(pcap_close)                                                                                  \
    X(pcap_compile)                                                                                \
    X(pcap_datalink)                                                                               \
    X(pcap_fopen_offline_with_tstamp_precision)                                                    \
    X(pcap_freecode)                                                                               \
    X(pcap_geterr)                                                                                 \
    X(pcap_next_ex)                                                                                \
    X(pcap_open_dead)

#define SOK_PCAP_POINTER(name) __typeof__(name) *name;
struct sok_pcap {
    SOK_PCAP_CALLS(SOK_PCAP_POINTER)
};
extern struct sok_pcap sok_pcap;

// False: with a line in err (SOK_CAPTURE_ERR_MAX) that says why. Again: nothing more is done.
bool sok_pcap_load(char *err);

#define bpf_filter                               sok_pcap.bpf_filter
#define pcap_close                               sok_pcap.pcap_close
#define pcap_compile                             sok_pcap.pcap_compile
#define pcap_datalink                            sok_pcap.pcap_datalink
#define pcap_fopen_offline_with_tstamp_precision sok_pcap.pcap_fopen_offline_with_tstamp_precision
#define pcap_freecode                            sok_pcap.pcap_freecode
#define pcap_geterr                              sok_pcap.pcap_geterr
#define pcap_next_ex                             sok_pcap.pcap_next_ex
#define pcap_open_dead                           sok_pcap.pcap_open_dead

#endif
