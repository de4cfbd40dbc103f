# gnuplot -e "results='bench/results'" bench/growth.gp
set terminal svg size 1200,900 font 'sans-serif,12' background 'white'
set output results . '/growth.svg'
set encoding utf8
set border 3
set tics nomirror
set grid ytics lc rgb '#dddddd'
set style data linespoints
set pointsize 0.5
set logscale y 2
set yrange [1:*]
set ylabel 'ns per call and thread'
set key outside right top font ',10'
set multiplot layout 2,2

blocks(plot) = int(system("grep -c '^\"' " . results . "/growth-" . plot . ".dat"))
file(plot) = results . '/growth-' . plot . '.dat'

set title 'threads that share one handle'
set xlabel 'threads'
set logscale x 2
plot for [i=0:blocks('threads')-1] file('threads') index i \
    title columnheader(1)

set title 'handles, each call on another'
set xlabel 'handles'
set logscale x 16
set format x '%.0f'
plot for [i=0:blocks('handles')-1] file('handles') index i \
    title columnheader(1)

set title 'policies in one pipeline'
set xlabel 'policies'
unset logscale x
plot for [i=0:blocks('policies')-1] file('policies') index i \
    title columnheader(1)

set title 'calls or buckets in a window'
set xlabel 'calls, buckets'
set logscale x 4
plot for [i=0:blocks('calls')-1] file('calls') index i \
         title columnheader(1), \
     for [i=0:blocks('buckets')-1] file('buckets') index i \
         title columnheader(1)
unset multiplot
