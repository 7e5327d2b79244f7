/* Floor 7. Looking for pictures in folders. */
#ifndef FACULA_IMAGE_FOLDER_H
#define FACULA_IMAGE_FOLDER_H

#include "text_list.h"

/* Adds the paths of all pictures in the folder and below it, by their names, in the order of folders and names. */
bool fac__pictures_below(const char *folder, fac__texts *into);
/* The names of the folders in it, sorted, without those that begin with a dot. */
bool fac__folders_in(const char *folder, fac__texts *into);

#endif
