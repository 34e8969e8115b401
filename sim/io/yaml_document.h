/* What a parsed document holds, for yaml.c and yaml_set.c. Private to them. */
#ifndef KERF_IO_YAML_DOCUMENT_H
#define KERF_IO_YAML_DOCUMENT_H

#include "sim/io/yaml.h"

#include <libfyaml.h>

enum { KERF_YAML_TEXT_BYTES = 512, KERF_YAML_OVERRIDES = 512 };

struct kerf_yaml {
    struct fy_document *document;
    struct fy_diag *diag;
    char *text; /* owned: libfyaml's nodes point into it */
    char file[1024];
    struct fy_node *overrides[KERF_YAML_OVERRIDES]; /* keys and values that kerf_yaml_place made */
    int override_line[KERF_YAML_OVERRIDES];         /* of the file; 0: they come from --set */
    int override_count;
};

/* "FILE:LINE", or "--set" for line 0. */
void kerf_yaml_name_place(const struct kerf_yaml *yaml, int line, char *where, size_t where_bytes);

#endif
