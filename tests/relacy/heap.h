/* The memory of the library under test; see heap.cpp. */
#ifndef WEIR_RELACY_HEAP_H
#define WEIR_RELACY_HEAP_H

void heap_begin();
int heap_is_empty();

#endif
