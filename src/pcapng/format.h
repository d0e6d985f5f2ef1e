// The numbers of the pcapng format (draft-ietf-opsawg-pcapng).
#ifndef SOK_PCAPNG_FORMAT_H
#define SOK_PCAPNG_FORMAT_H

#define SOK_PCAPNG_SECTION   0x0a0d0d0a
#define SOK_PCAPNG_INTERFACE 1
#define SOK_PCAPNG_SIMPLE    3
#define SOK_PCAPNG_STATS     5
#define SOK_PCAPNG_PACKET    6
#define SOK_PCAPNG_SECRETS   10
#define SOK_PCAPNG_MAGIC     0x1a2b3c4d // of the byte order, in a section header

#define SOK_PCAPNG_LINKTYPE_ETHERNET 1
#define SOK_PCAPNG_LINKTYPE_RAW      101 // packets begin with the IP header

#define SOK_PCAPNG_TLS_KEYS 0x544c534b // of secrets: a TLS key log

#define SOK_PCAPNG_OPT_END     0
#define SOK_PCAPNG_OPT_COMMENT 1

#define SOK_PCAPNG_SHB_HARDWARE 2
#define SOK_PCAPNG_SHB_OS       3
#define SOK_PCAPNG_SHB_USERAPPL 4

#define SOK_PCAPNG_IF_NAME        2
#define SOK_PCAPNG_IF_DESCRIPTION 3
#define SOK_PCAPNG_IF_MACADDR     6
#define SOK_PCAPNG_IF_TSRESOL     9
#define SOK_PCAPNG_IF_TSOFFSET    14

#define SOK_PCAPNG_EPB_FLAGS     2
#define SOK_PCAPNG_EPB_DROPCOUNT 4

#define SOK_PCAPNG_ISB_STARTTIME 2
#define SOK_PCAPNG_ISB_ENDTIME   3
#define SOK_PCAPNG_ISB_IFRECV    4
#define SOK_PCAPNG_ISB_IFDROP    5

#endif
