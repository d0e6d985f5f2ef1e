// SO_BINDTODEVICE and SO_BINDTOIFINDEX (socket(7)), with the one interface that both sides have: the loopback. NOBODY is the
// number of none, which can be bound to all the same.
#include <stdio.h>
#include "check.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif
#define LO     1
#define NOBODY 77

static int to_device(int fd, const char *name)
{
    return os.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name));
}

static int to_index(int fd, int index)
{
    return set_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, index);
}

static void names(const char *kind, int fd)
{
    char name[64], is[32] = "";
    socklen_t len = sizeof(is);
#define NAME(what) (snprintf(name, sizeof(name), "device-%s-%s", kind, what), name)
    CALL(NAME("first"), os.getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, is, &len));
    TEXT(NAME("first-is"), "%d bytes", (int)len);
    CALL(NAME("index-first"), get_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX));
    CALL(NAME("unknown"), to_device(fd, "nosuch0"));
    CALL(NAME("too-long"), to_device(fd, "a-name-that-is-too-long"));
    CALL(NAME("lo"), to_device(fd, "lo"));
    len = sizeof(is);
    CALL(NAME("get"), os.getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, is, &len));
    TEXT(NAME("is"), "%s, %d bytes", is, (int)len);
    len = 15;
    CALL(NAME("get-short"), os.getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, is, &len));
    CALL(NAME("index"), get_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX));
    CALL(NAME("index-minus"), to_index(fd, -1));
    CALL(NAME("index-short"), os.setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, "\1", 1));
    CALL(NAME("index-nobody"), to_index(fd, NOBODY));
    CALL(NAME("index-nobody-is"), get_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX));
    len = sizeof(is);
    CALL(NAME("nobody-name"), os.getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, is, &len));
    CALL(NAME("none"), os.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
    CALL(NAME("none-is"), get_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX));
    CALL(NAME("with-nul"), os.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo\0xx", 5));
    CALL(NAME("with-nul-is"), get_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX));
#undef NAME
    os.close(fd);
}

// One port, on each device somebody else's.
static void streams(void)
{
    struct place at = here(0);
    int a = stream(), b = stream(), c = stream(), d = stream();
    to_device(a, "lo");
    to_index(b, NOBODY);
    CALL("device-bind", os.bind(a, AT(at)));
    at = name_of(a);
    CALL("device-bind-other", os.bind(b, AT(at)));
    CALL("device-bind-none", os.bind(c, AT(at)));
    CALL("device-listen", os.listen(a, 2));
    CALL("device-listen-other", os.listen(b, 2));
    CALL("device-connect", os.connect(d, AT(at)));
    CALL("device-ready", ready(a, POLLIN, 1000));
    CALL("device-ready-other", ready(b, POLLIN, 0));
    int s = os.accept(a, NULL, NULL);
    CALL("device-accepted", get_int(s, SOL_SOCKET, SO_BINDTOIFINDEX));
    CALL("device-connected", get_int(d, SOL_SOCKET, SO_BINDTOIFINDEX));
    os.close(a);
    os.close(s);
    os.close(d);
    d = stream();
    CALL("device-refused", os.connect(d, AT(at)));
    os.close(d);
    d = stream();
    to_index(d, NOBODY);
    CALL("device-connect-nobody", os.connect(d, AT(at)));
    os.close(b);
    os.close(c);
    os.close(d);
}

static void from_device(void)
{
    struct place at;
    int l = listener(&at, 2), c = stream();
    char text[8];
    to_device(c, "lo");
    CALL("device-connect-by-lo", os.connect(c, AT(at)));
    int s = os.accept(l, NULL, NULL);
    CALL("device-accepted-by-any", get_int(s, SOL_SOCKET, SO_BINDTOIFINDEX));
    CALL("device-send", os.send(c, "ab", 2, 0));
    CALL("device-recv", os.recv(s, text, sizeof(text), 0));
    os.close(s);
    os.close(c);
    os.close(l);
}

static void datagrams(void)
{
    struct place at = here(0);
    int a = dgram(), b = dgram(), c = dgram();
    char text[8];
    to_device(a, "lo");
    to_index(b, NOBODY);
    CALL("device-dgram-bind", os.bind(a, AT(at)));
    at = name_of(a);
    CALL("device-dgram-bind-other", os.bind(b, AT(at)));
    CALL("device-dgram-bind-none", os.bind(c, AT(at)));
    CALL("device-dgram-send", os.sendto(c, "x", 1, 0, AT(at)));
    os.settle();
    CALL("device-dgram-recv", os.recv(a, text, sizeof(text), MSG_DONTWAIT));
    CALL("device-dgram-recv-other", os.recv(b, text, sizeof(text), MSG_DONTWAIT));
    CALL("device-dgram-send-nobody", os.sendto(b, "x", 1, 0, AT(at)));
    CALL("device-dgram-connect-nobody", os.connect(b, AT(at)));
    to_index(c, LO);
    CALL("device-dgram-send-by-lo", os.sendto(c, "xy", 2, 0, AT(at)));
    os.settle();
    CALL("device-dgram-recv-by-lo", os.recv(a, text, sizeof(text), MSG_DONTWAIT));
    os.close(a);
    CALL("device-dgram-send-to-other", os.sendto(c, "x", 1, 0, AT(at)));
    os.settle();
    CALL("device-dgram-nothing", os.recv(b, text, sizeof(text), MSG_DONTWAIT));
    os.close(b);
    os.close(c);
}

static void raw(void)
{
    struct place at = here(0);
    int protocol = 253; // RFC 3692
    int a = os.socket(family, SOCK_RAW, protocol), b = os.socket(family, SOCK_RAW, protocol);
    char text[64];
    if (a < 0) // the kernel wants root
        return;
    to_device(a, "lo");
    to_index(b, NOBODY);
    CALL("device-raw-send", os.sendto(a, "x", 1, 0, AT(at)));
    os.settle();
    CALL("device-raw-recv", os.recv(a, text, sizeof(text), MSG_DONTWAIT));
    CALL("device-raw-recv-other", os.recv(b, text, sizeof(text), MSG_DONTWAIT));
    CALL("device-raw-send-nobody", os.sendto(b, "x", 1, 0, AT(at)));
    os.close(a);
    os.close(b);
}

void check_device(void)
{
    names("stream", stream());
    names("dgram", dgram());
    streams();
    from_device();
    datagrams();
    raw();
}
