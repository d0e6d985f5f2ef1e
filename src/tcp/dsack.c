// Duplicates reported by the first SACK block (RFC 2883): as a receiver we tell what arrived twice, once; as
// a sender we learn that something was repeated for nothing. Only of what was repeated: a network that
// doubles packets tells nothing about us (RFC 3708 section 2).
#include "tcp/internal.h"

// ---- receiver: section 4 ----

// [start, end) was had already. The next ACK says so; of several duplicates before it, the last counts.
void sok_tcp_dsack_note(struct sok_tcp_conn *c, uint32_t start, uint32_t end)
{
    if (c->sack_ok && c->tcp->config.dsack && sok_seq_lt(start, end)) {
        c->dsack_due = true;
        c->dsack_start = start;
        c->dsack_end = end;
    }
}

// What a segment repeats of data that is held out of order. Its run is told in the second block.
void sok_tcp_dsack_note_held(struct sok_tcp_conn *c, const struct sok_tcp_in *in)
{
    uint32_t start, end, seq = in->seq, last = in->seq + in->data.len;
    if (c->stream.early == 0 || !c->sack_ok) {
        return;
    }
    if (sok_stream_find(&c->stream, seq, &start, &end)) {
        sok_tcp_dsack_note(c, seq, sok_seq_lt(last, end) ? last : end);
    } else if (sok_stream_find(&c->stream, last - 1, &start, &end)) {
        sok_tcp_dsack_note(c, start, last);
    }
}

// ---- sender: section 4, and RFC 8985 section 6.2 step 4 ----

// The first block is one if it lies below the ACK, or within the second block. True: it is no SACK.
bool sok_tcp_dsack_take(
    struct sok_tcp_conn *c, const struct sok_tcp_in *in, struct sok_tcp_delivery *d)
{
    uint32_t start = in->o.sack[0].start, end = in->o.sack[0].end;
    bool below = sok_seq_le(end, in->h.ack);
    bool within = in->o.sack_count > 1 && sok_seq_ge(start, in->o.sack[1].start) &&
                  sok_seq_le(end, in->o.sack[1].end);
    if (!sok_seq_lt(start, end) || (!below && !within)) {
        return false;
    }
    bool ours = sok_seq_ge(start, c->snd_una - c->max_snd_wnd) && sok_seq_gt(start, c->iss) &&
                sok_seq_le(end, c->snd_nxt);
    if (ours && c->bytes_spurious + (end - start) <= c->bytes_again) {
        d->dsack = true;
        d->dsack_start = start;
        d->dsack_end = end;
        c->bytes_spurious += end - start;
    }
    return true;
}
