#include "capture/pcap_late.h"
#include "capture/capture.h"
#include "capture/late.h"

#undef bpf_filter
#undef pcap_close
#undef pcap_compile
#undef pcap_datalink
#undef pcap_fopen_offline_with_tstamp_precision
#undef pcap_freecode
#undef pcap_geterr
#undef pcap_next_ex
#undef pcap_open_dead

struct sok_pcap sok_pcap;
static bool loaded;

#define CALL(name) {#name, offsetof(struct sok_pcap, name)},
static const struct sok_late_call calls[] = {SOK_PCAP_CALLS(CALL)};

bool sok_pcap_load(char *err)
{
    if (!loaded)
        loaded = sok_late_load("libpcap.so.0.8", "libpcap0.8", calls,
            sizeof(calls) / sizeof(calls[0]), &sok_pcap, err, SOK_CAPTURE_ERR_MAX);
    return loaded;
}
