// Operands whose rows are multiples of 4: every access is a whole vec4 (`count` is 4 or more, `at` a multiple of 4).
#import lib/matmul/left_vec4
#import lib/matmul/right_vec4
#import lib/matmul/out_vec4
