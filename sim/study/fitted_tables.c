/* The study room: tables that leaves were fitted to, by the name of their file. */
#include "sim/study/fitted_tables.h"

#include <string.h>

static const char *name_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

bool kerf_fitted_to(const struct kerf_yaml *entry, const char *what, const char *file)
{
    kerf_yaml_node *tables = kerf_yaml_get(kerf_yaml_get(kerf_yaml_root(entry), "fitted"), what);
    for (int i = 0; i < kerf_yaml_count(tables); i++) {
        char name[256];
        if (kerf_yaml_text(entry, kerf_yaml_item(tables, i), "fitted", name, sizeof name, NULL) == KERF_OK &&
            strcmp(name, name_of(file)) == 0)
            return true;
    }
    return false;
}

static void write_list(FILE *out, const struct kerf_yaml *entry, kerf_yaml_node *tables)
{
    for (int i = 0; i < kerf_yaml_count(tables); i++) {
        char name[256] = "";
        (void)kerf_yaml_text(entry, kerf_yaml_item(tables, i), "fitted", name, sizeof name, NULL);
        fprintf(out, "%s\"%s\"", i ? ", " : "", name);
    }
}

void kerf_fitted_write(FILE *out, const struct kerf_yaml *entry, const char *what, int files,
                       const char *const *file)
{
    kerf_yaml_node *fitted = kerf_yaml_get(kerf_yaml_root(entry), "fitted");
    fprintf(out, "fitted:\n  %s: [", what);
    for (int i = 0; i < files; i++)
        fprintf(out, "%s\"%s\"", i ? ", " : "", name_of(file[i]));
    fprintf(out, "]\n");
    for (int i = 0; i < kerf_yaml_count(fitted); i++) {
        char key[64];
        kerf_yaml_key(fitted, i, key, sizeof key);
        if (strcmp(key, what) == 0)
            continue;
        fprintf(out, "  %s: [", key);
        write_list(out, entry, kerf_yaml_item(fitted, i));
        fprintf(out, "]\n");
    }
}
