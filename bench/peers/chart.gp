# The chart of peers.py: a dot for each library.  results names the folder.

data = results . "/peers.dat"
set terminal svg size 1150, 640 dynamic font "sans-serif,13" \
    background rgb "white"
set output results . "/peers.svg"
set datafile separator "\t"

set multiplot layout 1, 2 margins 0.29, 0.98, 0.10, 0.88 spacing 0.02, 0.02
set logscale x
set grid x y lc rgb "#e4e4e4"
set xrange [0.2:300000]
set format x "10^{%T}"
set xlabel "ns per call of a thread"
set yrange [14.6:-0.6] # as many as there are scenes
set tics scale 0.5

languages = "go rust java node python"
names = "Go Rust Java Node Python"
colours = "#00a0c0 #b7410e #b08000 #3c873a #7050a0"
of(threads, who) = sprintf("<awk -F'\t' '$1 == %d && $2 ~ /%s/' %s", \
    threads, who, data)

unset key
do for [i = 1:words(languages)] {
    set label i word(names, i) at screen 0.30 + 0.09 * i, 0.97 \
        point pt 7 ps 0.7 lc rgb word(colours, i) offset 1, 0
}
set label 7 "C" at screen 0.84, 0.97 point pt 7 ps 0.7 offset 1, 0
set label 8 "weir" at screen 0.30, 0.97 point pt 9 ps 1.3 \
    lc rgb "#d00020" offset 1, 0

do for [threads = 1:2] {
    if (threads == 1) {
        set title "1 thread"
    } else {
        set title "2 threads on one shared handle"
        set format y ""
    }
    plot for [i = 1:words(languages)] \
            of(threads, word(languages, i)) using 3:4 with points pt 7 \
            ps 0.7 lc rgb word(colours, i), \
        of(threads, "c") using 3:4:ytic(5) with points pt 7 ps 0.7 \
            lc rgb "black", \
        of(threads, "weir") using 3:4:ytic(5) with points pt 9 ps 1.3 \
            lc rgb "#d00020", \
        of(threads, ".") using 3:4:6 with labels left offset 0, 0.55 \
            font ",9" tc rgb "#666666"
    unset label
}
