// Calls of programs, for the views. What a call writes is held in its pair until the program says that the
// call has ended, so that its line comes before its packets.
#include <stdlib.h>
#include <string.h>
#include "host/view.h"
#include "service/internal.h"

#define TEXT_MAX 448

struct open_call {
    uint32_t id; // the program's
    uint64_t key;
    uint64_t cookie; // whose bridge it holds; 0: none
    char text[TEXT_MAX];
    struct open_call *next;
};

static void copy_text(char out[TEXT_MAX], const struct request *r)
{
    uint32_t len = r->head->len < TEXT_MAX ? r->head->len : TEXT_MAX - 1;
    memcpy(out, r->bytes, len);
    out[len] = '\0';
}

static void hold(struct sok_service *v, uint64_t cookie, bool held)
{
    const struct served *e = cookie ? sok_served_find(v, cookie) : NULL;
    if (e && e->bridge)
        sok_bridge_hold(e->bridge, held);
}

static void show(const struct channel *c, const struct open_call *o, struct sok_view_call *call)
{
    struct sok_host *host = c->service->host;
    sok_host_drain(host); // what happened before is told before
    call->now = sok_host_now(host);
    call->key = o->key;
    call->pid = c->pid;
    call->program = c->program;
    call->text = o->text;
    sok_views_call(host->views, call);
}

void sok_trace_begin(struct sok_service *v, struct request *r)
{
    struct channel *c = r->channel;
    struct open_call *o = v->trace && c->call_count < CALLS_MAX ? calloc(1, sizeof(*o)) : NULL;
    if (!o)
        return;
    o->id = (uint32_t)r->head->a;
    o->key = ++v->calls;
    o->cookie = r->head->c == 1 ? r->head->cookie : 0;
    copy_text(o->text, r);
    o->next = c->calls;
    c->calls = o;
    c->call_count++;
    hold(v, o->cookie, true);
    show(c, o, &(struct sok_view_call){.ended = false, .more = ""});
}

static struct open_call **find(struct channel *c, uint32_t id)
{
    struct open_call **at = &c->calls;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

void sok_trace_go(struct sok_service *v, struct request *r)
{
    const struct open_call *o = *find(r->channel, (uint32_t)r->head->a);
    if (o)
        hold(v, o->cookie, false);
}

static void end(struct channel *c, struct open_call **at, struct sok_view_call *call)
{
    struct open_call *o = *at;
    *at = o->next;
    c->call_count--;
    show(c, o, call);
    hold(c->service, o->cookie, false);
    free(o);
}

void sok_trace_end(struct sok_service *v, struct request *r)
{
    char more[TEXT_MAX];
    struct open_call **at = find(r->channel, (uint32_t)r->head->a);
    (void)v;
    copy_text(more, r);
    if (*at)
        end(r->channel, at,
            &(struct sok_view_call){
                .ended = true, .result = r->head->c, .error = r->head->b, .more = more});
}

void sok_trace_gone(struct channel *c)
{
    while (c->calls)
        end(c, &c->calls, &(struct sok_view_call){.ended = true, .result = -1, .more = "killed"});
}
