/* The study room: tables that leaves were fitted to, by the name of their file. */
#include "sim/study/fitted_tables.h"

#include <string.h>

bool kerf_fitted_to(const struct kerf_yaml *entry, const char *what, const char *file)
{
    const char *slash = strrchr(file, '/');
    kerf_yaml_node *tables = kerf_yaml_get(kerf_yaml_get(kerf_yaml_root(entry), "fitted"), what);
    for (int i = 0; i < kerf_yaml_count(tables); i++) {
        char name[256];
        if (kerf_yaml_text(entry, kerf_yaml_item(tables, i), "fitted", name, sizeof name, NULL) == KERF_OK &&
            strcmp(name, slash ? slash + 1 : file) == 0)
            return true;
    }
    return false;
}
